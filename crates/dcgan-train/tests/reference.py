"""Writes what PyTorch computes for ten training steps of a small DCGAN: the numbers behind `reference.rs`.

    pip install torch numpy safetensors
    python reference.py                    # writes reference.safetensors beside this file

Network: latent 4, widths 8, 6, 4, images 3x32x32, batches of 5. Weights are drawn wider than in training, so
that activations and gradients use their whole range.
"""
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

LATENT, WIDTHS, CHANNELS, BATCH, STEPS = 4, (8, 6, 4), 3, 5, 10


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(LATENT, WIDTHS[0] * 16)
        outputs = WIDTHS[1:] + (CHANNELS,)
        for i, (a, b) in enumerate(zip(WIDTHS, outputs), 1):
            setattr(self, f"tconv{i}", nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False))
            if i < len(WIDTHS):
                setattr(self, f"bn{i}", nn.BatchNorm2d(b))

    def forward(self, z):
        x = self.fc(z).view(-1, WIDTHS[0], 4, 4)
        for i in range(1, len(WIDTHS)):
            x = torch.relu(getattr(self, f"bn{i}")(getattr(self, f"tconv{i}")(x)))
        return torch.tanh(getattr(self, f"tconv{len(WIDTHS)}")(x))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        widths = (CHANNELS,) + WIDTHS[::-1]
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, 4, 2, 1, bias=False))
            if i > 1:
                setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        self.fc = nn.Linear(WIDTHS[0] * 16, 1)

    def forward(self, x):
        for i in range(1, len(WIDTHS) + 1):
            x = getattr(self, f"conv{i}")(x)
            x = nn.functional.leaky_relu(x if i == 1 else getattr(self, f"bn{i}")(x), 0.2)
        return torch.sigmoid(self.fc(x.flatten(1)))


def randomise(module):
    for name, parameter in module.named_parameters():
        scale = "bn" in name and name.endswith("weight")
        nn.init.normal_(parameter, 1.0 if scale else 0.0, 0.2)


def main():
    torch.manual_seed(7)
    torch.use_deterministic_algorithms(True)
    g, d = Generator(), Discriminator()
    randomise(g), randomise(d)
    out = {f"start.g.{k}": v.clone() for k, v in g.state_dict().items()}
    out |= {f"start.d.{k}": v.clone() for k, v in d.state_dict().items()}
    out["reals"] = torch.randint(0, 256, (STEPS, BATCH, CHANNELS, 32, 32), dtype=torch.uint8)
    out["latents"] = torch.randn(STEPS, 2, BATCH, LATENT)

    bce = nn.BCELoss()
    adam = lambda m: torch.optim.Adam(m.parameters(), 2e-4, (0.5, 0.999))
    adam_g, adam_d = adam(g), adam(d)
    real_label, fake_label = torch.full((BATCH, 1), 0.9), torch.full((BATCH, 1), 0.1)
    losses = []
    for step in range(STEPS):
        real = out["reals"][step].float() / 127.5 - 1
        adam_d.zero_grad()
        on_real, on_fake = d(real), d(g(out["latents"][step, 0]).detach())
        loss_d = bce(on_real, real_label) + bce(on_fake, fake_label)
        loss_d.backward()
        if step == 0:
            out |= {f"grad.d.{k}": p.grad.clone() for k, p in d.named_parameters()}
        adam_d.step()
        adam_g.zero_grad()
        loss_g = bce(d(g(out["latents"][step, 1])), real_label)
        loss_g.backward()
        if step == 0:
            out |= {f"grad.g.{k}": p.grad.clone() for k, p in g.named_parameters()}
        adam_g.step()
        losses.append([loss_d.item(), loss_g.item(), on_real.mean().item(), on_fake.mean().item()])
    out["losses"] = torch.tensor(losses)
    out |= {f"end.g.{k}": v.clone() for k, v in g.state_dict().items()}
    out |= {f"end.d.{k}": v.clone() for k, v in d.state_dict().items()}
    g.eval()
    with torch.no_grad():
        out["samples"] = g(out["latents"][0, 0])
    save_file({k: v.contiguous() for k, v in out.items()}, Path(__file__).with_suffix(".safetensors"),
              {"torch": torch.__version__})
    for row in losses:
        print("loss D %.6f  loss G %.6f  D(x) %.6f  D(G(z)) %.6f" % tuple(row))


if __name__ == "__main__":
    main()
