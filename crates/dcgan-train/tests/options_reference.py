"""Writes what PyTorch computes with each of the trainer's options: the numbers behind the tests in `options/`.

    pip install torch numpy safetensors
    python options_reference.py            # writes options_reference.safetensors beside this file

The network, its first weights, the images and the latents are those of `reference.py`. Names begin with the
option's: `{option}.losses` a step (the discriminator's are means over its updates), `{option}.g.*` and
`{option}.d.*` the networks at the end. Of spectral normalisation also `start.d.*`, with the random vectors, the
first step's gradients, `grad.d.*` and `grad.g.*`, and what `d.eval()` makes of the first real images,
`probabilities`. Of DiffAugment `changes.*`, a row a pass, and what the operation alone does, `operation.*`.
"""
from pathlib import Path

import torch
from reference import Discriminator, Generator
from safetensors.torch import load_file, save_file
from torch import nn

HERE = Path(__file__).parent
START = load_file(HERE / "reference.safetensors")
LATENTS = START["latents"].flatten(0, 1)


def part(prefix):
    return {k.removeprefix(prefix): v.clone() for k, v in START.items() if k.startswith(prefix)}


def non_saturating(probability, real_label):
    return nn.functional.binary_cross_entropy(probability, torch.full_like(probability, real_label))


def minimax(probability, _):
    return torch.log(1 - probability).mean()


def draw(count, side):
    """Random parameters of DiffAugment for each of `count` images."""
    return {
        "brightness": torch.rand(count) - 0.5,
        "saturation": torch.rand(count) * 2,
        "contrast": torch.rand(count) + 0.5,
        "shift": torch.randint(-(side // 8), side // 8 + 1, (count, 2)).float(),
        "center": torch.randint(0, side + 1, (count, 2)).float(),
    }


def augmented(x, of, policy=("color", "translation", "cutout")):
    """DiffAugment as section 3 and appendix of Zhao et al. (2020) describe it, image by image."""
    images, side = [], x.shape[-1]
    for n, image in enumerate(x):
        if "color" in policy:
            image = image + of["brightness"][n]
            mean = image.mean(0, keepdim=True)
            image = (image - mean) * of["saturation"][n] + mean
            image = (image - image.mean()) * of["contrast"][n] + image.mean()
        if "translation" in policy:
            rows, columns = (int(shift) for shift in of["shift"][n])
            most = side // 8
            padded = nn.functional.pad(image, [most] * 4)
            image = padded[:, most + rows :, most + columns :][:, :side, :side]
        if "cutout" in policy:
            mask = torch.ones(side, side)
            row, column = (int(center) for center in of["center"][n])
            mask[max(row - side // 4, 0) : row + side // 4, max(column - side // 4, 0) : column + side // 4] = 0
            image = image * mask
        images.append(image)
    return torch.stack(images)


def augmentations():
    """What the operation alone makes of images, and the gradient of the sum of `direction` times that."""
    torch.manual_seed(9)
    x, direction, of = torch.randn(4, 3, 16, 16), torch.randn(4, 3, 16, 16), draw(4, 16)
    out = {"x": x, "direction": direction} | {name: values[None] for name, values in of.items()}
    for policy in [("color",), ("translation",), ("cutout",), ("color", "translation", "cutout")]:
        leaf = x.clone().requires_grad_()
        y = augmented(leaf, of, policy)
        (y * direction).sum().backward()
        name = ",".join(policy)
        out |= {f"{name}.y": y.detach(), f"{name}.gradient": leaf.grad}
    return out


def run(
    steps,
    d_steps=1,
    labels=(0.9, 0.1),
    g_loss=non_saturating,
    lr=(2e-4, 2e-4),
    decay=lambda step: 1.0,
    spectral=False,
    augment=False,
):
    g, d = Generator(), Discriminator()
    g.load_state_dict(part("start.g."))
    d.load_state_dict(part("start.d."))
    out, passes = {}, []
    torch.manual_seed(8)
    if spectral:
        for layer in list(d.modules()):
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.utils.spectral_norm(layer)
        out |= {f"start.d.{k}": v.clone() for k, v in d.state_dict().items()}
    adam_g = torch.optim.Adam(g.parameters(), lr[0], (0.5, 0.999))
    adam_d = torch.optim.Adam(d.parameters(), lr[1], (0.5, 0.999))
    schedules = [torch.optim.lr_scheduler.LambdaLR(adam, decay) for adam in (adam_g, adam_d)]
    bce = nn.functional.binary_cross_entropy
    reals, latents, losses = iter(START["reals"]), iter(LATENTS), []
    for _ in range(steps):
        updates = []
        changes = [draw(5, 32) if augment else None for _ in range(2 * d_steps + 1)]
        if augment:
            passes.extend(changes)
        changed = lambda images: augmented(images, changes.pop(0)) if augment else images
        for _ in range(d_steps):
            adam_d.zero_grad()
            on_real = d(changed(next(reals).float() / 127.5 - 1))
            on_fake = d(changed(g(next(latents)).detach()))
            loss_d = sum(bce(p, torch.full_like(p, label)) for p, label in zip((on_real, on_fake), labels))
            loss_d.backward()
            if spectral and not losses:
                out |= {f"grad.d.{k}": p.grad.clone() for k, p in d.named_parameters()}
            adam_d.step()
            updates.append([loss_d.item(), on_real.mean().item(), on_fake.mean().item()])
        adam_g.zero_grad()
        loss_g = g_loss(d(changed(g(next(latents)))), labels[0])
        loss_g.backward()
        if spectral and not losses:
            out |= {f"grad.g.{k}": p.grad.clone() for k, p in g.named_parameters()}
        adam_g.step()
        [schedule.step() for schedule in schedules]
        loss_d, d_x, d_g_z = torch.tensor(updates).mean(0).tolist()
        losses.append([loss_d, loss_g.item(), d_x, d_g_z])
    out |= {f"g.{k}": v for k, v in g.state_dict().items()} | {f"d.{k}": v for k, v in d.state_dict().items()}
    if spectral:
        with torch.no_grad():
            out["probabilities"] = d.eval()(START["reals"][0].float() / 127.5 - 1)
    for name in passes[0] if augment else ():
        out[f"changes.{name}"] = torch.stack([of[name] for of in passes])
    return out | {"losses": torch.tensor(losses)}


def recalibrated():
    """The generator that `reference.py` ends with, its statistics computed anew over all latents, and its images."""
    g = Generator()
    g.load_state_dict(part("end.g."))
    for layer in g.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
            layer.reset_running_stats()
    with torch.no_grad():
        [g.train()(latents) for latents in LATENTS]
        samples = g.eval()(LATENTS[0])
    return {f"g.{k}": v for k, v in g.state_dict().items()} | {"samples": samples}


torch.use_deterministic_algorithms(True)
options = {
    "d_steps": run(3, d_steps=2),
    "minimax": run(3, labels=(1.0, 0.0), g_loss=minimax),
    # Constant for two steps, then 1 (still), 1/2.
    "rates": run(4, lr=(1e-4, 4e-4), decay=lambda step: min(1.0, (4 - step) / 2)),
    "spectral": run(4, spectral=True),
    "augment": run(3, d_steps=2, augment=True),
}
results = options | {"recalibrated": recalibrated(), "operation": augmentations()}
tensors = {f"{name}.{k}": v.contiguous() for name, run in results.items() for k, v in run.items()}
save_file(tensors, HERE / "options_reference.safetensors", {"torch": torch.__version__})
for name, result in options.items():
    print(name, *result["losses"].tolist(), sep="\n    ")
