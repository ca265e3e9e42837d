"""Makes the weights and the outputs that pytorch.rs compares the exported files with.

    pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
    python reference.py

Weights have unit gain, so that images use the whole range, and BatchNorm statistics lie far from 0 and 1, with
weights of both signs.
"""

import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations

FOLDER = Path(__file__).parent
BATCH = 3


def up(inputs, outputs):
    return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)


def down(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)


class LinearGenerator(nn.Module):
    """A linear layer, then transposed convolutions: the names of dcgan-train's checkpoints."""

    def __init__(self, latent, widths, channels):
        super().__init__()
        self.width, self.stages, self.activation = widths[0], len(widths), nn.ReLU()
        self.fc = nn.Linear(latent, widths[0] * 16)
        for stage, (inputs, outputs) in enumerate(zip(widths, widths[1:] + [channels]), 1):
            setattr(self, f"tconv{stage}", up(inputs, outputs))
            if stage < self.stages:
                setattr(self, f"bn{stage}", nn.BatchNorm2d(outputs))

    def forward(self, z):
        x = self.fc(z).view(-1, self.width, 4, 4)
        for stage in range(1, self.stages):
            x = self.activation(getattr(self, f"bn{stage}")(getattr(self, f"tconv{stage}")(x)))
        return torch.tanh(getattr(self, f"tconv{self.stages}")(x))


class LinearDiscriminator(nn.Module):
    """Convolutions, then a linear layer: the names of dcgan-train's checkpoints."""

    def __init__(self, widths, channels):
        super().__init__()
        self.stages, self.activation = len(widths), nn.LeakyReLU(0.2)
        for stage, (inputs, outputs) in enumerate(zip([channels] + widths, widths), 1):
            setattr(self, f"conv{stage}", down(inputs, outputs))
            if stage > 1:
                setattr(self, f"bn{stage}", nn.BatchNorm2d(outputs))
        self.fc = nn.Linear(widths[-1] * 16, 1)

    def forward(self, x):
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"conv{stage}")(x)
            if stage > 1:
                x = getattr(self, f"bn{stage}")(x)
            x = self.activation(x)
        return torch.sigmoid(self.fc(x.flatten(1)))


class ExampleGenerator(nn.Module):
    """The layers and names of PyTorch's DCGAN example: no linear layer."""

    def __init__(self, latent, widths, channels):
        super().__init__()
        layers = [nn.ConvTranspose2d(latent, widths[0], 4, 1, 0, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [up(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.main = nn.Sequential(*layers, up(widths[-1], channels), nn.Tanh())

    def forward(self, z):
        return self.main(z[:, :, None, None])


class ExampleDiscriminator(nn.Module):
    """The layers and names of PyTorch's DCGAN example: no linear layer."""

    def __init__(self, widths, channels):
        super().__init__()
        layers = [down(channels, widths[0]), nn.LeakyReLU(0.2)]
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [down(inputs, outputs), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
        self.main = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False), nn.Sigmoid())

    def forward(self, x):
        return self.main(x).view(-1, 1)


def fill(module, gain):
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 0.0, 1.3)
            nn.init.normal_(layer.bias, 0.0, 0.5)
            nn.init.normal_(layer.running_mean, 0.0, 0.5)
            nn.init.uniform_(layer.running_var, 0.2, 3.2)
            layer.num_batches_tracked.fill_(300)
        elif hasattr(layer, "weight"):
            terms = layer.weight[0].numel()
            if isinstance(layer, nn.ConvTranspose2d):
                terms = layer.in_channels * (4 if layer.stride == (2, 2) else 1)
            nn.init.normal_(layer.weight, 0.0, gain / terms**0.5)
            if layer.bias is not None:
                nn.init.normal_(layer.bias, 0.0, 0.5)
    return module.eval()


def weighted(module):
    return [layer for layer in module.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))]


def normalised_spectrally(module, shape, spectral_norm=nn.utils.spectral_norm):
    """With vectors that some training forward passes have moved, and not to their end."""
    for layer in weighted(module):
        spectral_norm(layer)
    module.train()
    with torch.no_grad():
        [module(torch.rand(8, *shape) * 2 - 1) for _ in range(2)]
    return module.eval()


def normalised_by_weight(module, weight_norm, dims):
    """With a `dim` for each layer, and magnitudes that are not the norms of the directions."""
    warnings.simplefilter("ignore", FutureWarning)  # torch.nn.utils.weight_norm is deprecated.
    for layer, dim in zip(weighted(module), dims, strict=True):
        weight_norm(layer, dim=dim)
    for name, parameter in module.named_parameters():
        if name.endswith(("weight_g", "original0")):
            parameter.data *= torch.rand_like(parameter) + 0.5
    return module.eval()


def set_up(module, eps=1e-5, slope=None):
    """Settings that the state dict does not hold; a slope puts LeakyReLU in the place of ReLU."""
    for layer in list(module.modules()):
        for name, child in layer.named_children():
            if isinstance(child, nn.BatchNorm2d):
                child.eps = eps
            elif isinstance(child, (nn.ReLU, nn.LeakyReLU)) and slope is not None:
                setattr(layer, name, nn.LeakyReLU(slope))
    return module


def without_affine(module):
    """BatchNorm without weight and bias, a bias for each convolution, none for a linear layer."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.affine, layer.weight, layer.bias = False, None, None
        elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            channels = layer.out_channels
            layer.bias = nn.Parameter(0.5 * torch.randn(channels))
        elif isinstance(layer, nn.Linear):
            layer.bias = None
    return module


def save(name, module, shape):
    """The network's state dict in a file; a batch of inputs and what it makes of them."""
    x = torch.randn(BATCH, *shape) if len(shape) == 1 else torch.rand(BATCH, *shape) * 2 - 1
    with torch.no_grad():
        y = module(x)
    print(f"{name}: {tuple(y.shape)}, {y.min():.4f} to {y.max():.4f}")
    save_file(module.state_dict(), FOLDER / f"{name}.safetensors")
    return {f"{name}.input": x, f"{name}.output": y}


def main():
    torch.manual_seed(1)
    networks = {
        "linear_generator": (LinearGenerator(5, [6, 4], 3), (5,)),
        "linear_discriminator": (LinearDiscriminator([4, 6], 3), (3, 16, 16)),
        "example_generator": (ExampleGenerator(7, [6, 4, 3], 1), (7,)),
        "example_discriminator": (ExampleDiscriminator([3, 4, 6], 1), (1, 32, 32)),
    }
    samples = {}
    for name, (module, shape) in networks.items():
        samples |= save(name, fill(module, 1.5), shape)
    # After the others, whose numbers stay as they are.
    networks = {
        "spectral_linear_discriminator": (LinearDiscriminator([4, 6], 3), (3, 16, 16)),
        "spectral_example_discriminator": (ExampleDiscriminator([3, 4, 6], 1), (1, 32, 32)),
    }
    for name, (module, shape) in networks.items():
        samples |= save(name, normalised_spectrally(fill(module, 1.5), shape), shape)
    # Likewise after those.
    latent5, latent7, color, gray = (5,), (7,), (3, 16, 16), (1, 16, 16)
    programs = {
        "linear_generator": (lambda: LinearGenerator(5, [6, 4], 3), latent5),
        "example_generator": (lambda: ExampleGenerator(7, [6, 4], 1), latent7),
        "linear_discriminator": (lambda: LinearDiscriminator([4, 6], 3), color),
        "example_discriminator": (lambda: ExampleDiscriminator([3, 4], 1), gray),
    }
    networks = {}
    for change, name, settings in [
        ("eps", "example_generator", {"eps": 0.8}),
        ("leaky", "linear_generator", {"eps": 0.8, "slope": 0.3}),
        ("leaky", "example_generator", {"slope": 0.3}),
        ("leaky", "linear_discriminator", {"eps": 0.8, "slope": 0.05}),
        ("leaky", "example_discriminator", {"eps": 0.8, "slope": 0.05}),
    ]:
        program, shape = programs[name]
        networks[f"{change}_{name}"] = set_up(fill(program(), 1.5), **settings), shape
    for name in ["linear_generator", "example_generator"]:
        program, shape = programs[name]
        networks[f"spectral_{name}"] = normalised_spectrally(fill(program(), 1.5), shape), shape
    for name in ["linear_generator", "example_discriminator", "linear_discriminator"]:
        program, shape = programs[name]
        networks[f"without_affine_{name}"] = without_affine(fill(program(), 1.0)), shape
    for name, (program, shape) in programs.items():
        module = normalised_spectrally(fill(program(), 1.5), shape, parametrizations.spectral_norm)
        networks[f"parametrized_spectral_{name}"] = module, shape
    old, new = nn.utils.weight_norm, parametrizations.weight_norm
    for change, name, weight_norm, dims in [
        ("weight_norm", "linear_generator", old, (0, 0, 0)),
        ("weight_norm", "example_discriminator", old, (0, 1, None)),
        ("parametrized_weight_norm", "example_generator", new, (0, 1, None)),
        ("parametrized_weight_norm", "linear_discriminator", new, (0, 0, 0)),
    ]:
        program, shape = programs[name]
        networks[f"{change}_{name}"] = normalised_by_weight(fill(program(), 1.5), weight_norm, dims), shape
    for name, (module, shape) in networks.items():
        samples |= save(name, module, shape)
    save_file(samples, FOLDER / "samples.safetensors")


if __name__ == "__main__":
    main()
