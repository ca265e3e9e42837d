"""Times the training step of dcgan64 in PyTorch on the CPU: the peer that `step.rs` is measured against.

    pip install torch
    python pytorch_step.py --batch 128 --iters 5 --threads 2 --mode default

The same work as `step.rs`: images become floats, D learns from a real and a generated batch, G from a fresh one.
"""
import argparse
import statistics
import time

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy as bce


def networks(widths):
    up = [nn.Linear(100, widths[0] * 16), nn.Unflatten(1, (widths[0], 4, 4))]
    down = [nn.Conv2d(3, widths[-1], 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for wide, narrow in zip(widths, widths[1:]):
        up += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
    for narrow, wide in zip(widths[::-1], widths[-2::-1]):
        down += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
    up += [nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=False), nn.Tanh()]
    down += [nn.Flatten(), nn.Linear(widths[0] * 16, 1), nn.Sigmoid()]
    return nn.Sequential(*up), nn.Sequential(*down)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--iters", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--widths", type=int, nargs="+", default=[512, 256, 128, 64])
    parser.add_argument("--mode", choices=["default", "channels_last", "bf16"], default="default")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    layout = torch.contiguous_format if args.mode == "default" else torch.channels_last
    g, d = (network.to(memory_format=layout) for network in networks(args.widths))
    adam_g, adam_d = (torch.optim.Adam(m.parameters(), 2e-4, (0.5, 0.999)) for m in (g, d))
    side = 4 << len(args.widths)
    images = torch.randint(0, 256, (args.batch, 3, side, side), dtype=torch.uint8)
    real_label, fake_label = torch.full((args.batch, 1), 0.9), torch.full((args.batch, 1), 0.1)

    def autocast():
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.mode == "bf16")

    def step():
        real = (images.float() / 127.5 - 1).contiguous(memory_format=layout)
        adam_d.zero_grad()
        with autocast():
            on_real, on_fake = d(real), d(g(torch.randn(args.batch, 100)).detach())
        (bce(on_real.float(), real_label) + bce(on_fake.float(), fake_label)).backward()
        adam_d.step()
        adam_g.zero_grad()
        with autocast():
            on_fake = d(g(torch.randn(args.batch, 100)))
        bce(on_fake.float(), real_label).backward()
        adam_g.step()

    seconds = []
    for _ in range(2 + args.iters):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    median, least = statistics.median(seconds[2:]), min(seconds[2:])
    print(f"pytorch {torch.__version__} {args.mode} batch {args.batch} threads {args.threads}: "
          f"{median:.3f} s/step (min {least:.3f}), {args.batch / median:.1f} images/s")


if __name__ == "__main__":
    main()
