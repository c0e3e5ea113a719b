"""The residual autoencoder, as `Sources/Train/Models/ResidualVAE/ResidualAutoencoder.swift`."""

import torch
from torch import nn

from .layers import ResidualBlock

BLOCK = 16
"""Pixels of a block of the linear maps, and of a latent position."""


class Level(nn.Module):
    """Residual blocks from each width to the next, then a convolution that halves or doubles height and width."""

    def __init__(self, widths: list[int], shrink: int | None = None, grow: int | None = None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(a, b, None) for a, b in zip(widths, widths[1:]))
        self.shrink = nn.Conv2d(widths[-1], shrink, 4, stride=2, padding=1) if shrink else None
        self.grow = nn.ConvTranspose2d(widths[-1], grow, 4, stride=2, padding=1) if grow else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x, 1)
        for last in (self.shrink, self.grow):
            x = x if last is None else last(x)
        return x


class Encoder(nn.Module):
    """Residuals to mean and logarithm of the variance."""

    def __init__(self, patch: int, widths: list[int], blocks: int, latent: int) -> None:
        super().__init__()
        kernel, padding = (3, 1) if patch == 1 else (patch, 0)
        self.stem = nn.Conv2d(3, widths[0], kernel, stride=patch, padding=padding)
        self.levels = nn.ModuleList()
        for index, width in enumerate(widths):
            last = index == len(widths) - 1
            inputs = widths[max(0, index - 1)]
            self.levels.append(Level([inputs] + blocks * [width], shrink=None if last else width))
        self.moments = nn.Conv2d(widths[-1], 2 * latent, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for level in self.levels:
            x = level(x)
        return self.moments(x)


class Decoder(nn.Module):
    """Latents to the patches of a residual."""

    def __init__(self, patch: int, widths: list[int], blocks: int, latent: int) -> None:
        super().__init__()
        self.entry = nn.Conv2d(latent, widths[-1], 3, padding=1)
        self.levels = nn.ModuleList()
        for index in reversed(range(len(widths))):
            grow = widths[index - 1] if index else None
            self.levels.append(Level([widths[index]] * (blocks + 2), grow=grow))
        self.output = nn.Conv2d(widths[0], 3 * patch * patch, 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = self.entry(z)
        for level in self.levels:
            z = level(z)
        return self.output(z)


class ResidualAutoencoder(nn.Module):
    """Fixed linear maps of 16×16 blocks, the principal components of residuals, and networks around them that work at
    unit energy.

    patch: pixels that the first convolution takes at once each way. widths: channels of each level. blocks: residual
    blocks of a level. latent: channels of a latent.
    """

    def __init__(self, patch: int, widths: list[int], blocks: int, latent: int) -> None:
        super().__init__()
        self.patch, self.latent = patch, latent
        self.scale = nn.Parameter(torch.ones(1))
        self.analysis = nn.Conv2d(3, latent, BLOCK, stride=BLOCK)
        self.synthesis = nn.Linear(latent, BLOCK * BLOCK * 3)
        self.encoder = Encoder(patch, widths, blocks, latent)
        self.decoder = Decoder(patch, widths, blocks, latent)

    def encode(self, residual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Residuals (N, 3, H, W) in pixel values, −255…255, to mean and logarithm of the variance, each
        (N, latent, H/16, W/16). `latent.npy` holds the mean."""
        x = residual * self.scale
        energy = self._energy(x)
        mean, variance = self.encoder(x / energy).chunk(2, 1)
        return mean * energy + self.analysis(x), (variance - 4.6).clamp(-20, 10)

    def decode(self, latents: torch.Tensor, prediction: torch.Tensor | None = None) -> torch.Tensor:
        """Latents (N, latent, h, w) to residuals (N, 3, 16·h, 16·w) in pixel values. The prediction makes no difference;
        it does to a `ConditionalAutoencoder`."""
        energy = self._energy(latents)
        fine = pixels(self.decoder(latents / energy), self.patch) * energy
        coarse = pixels(self.synthesis(latents.movedim(1, -1)).movedim(-1, 1), BLOCK)
        return (fine + coarse) / self.scale

    def forward(self, residual: torch.Tensor) -> torch.Tensor:
        """Residuals as the means of their latents give them back."""
        return self.decode(self.encode(residual)[0])

    @staticmethod
    def _energy(x: torch.Tensor) -> torch.Tensor:
        return (x.square().mean((1, 2, 3), keepdim=True) + 1e-6).sqrt()


def pixels(x: torch.Tensor, patch: int) -> torch.Tensor:
    """(N, p·p·3, h, w), of which each column is a block (p, p, 3), as (N, 3, h·p, w·p)."""
    blocks = x.unflatten(1, (patch, patch, 3)).permute(0, 3, 4, 1, 5, 2)
    return blocks.flatten(4, 5).flatten(2, 3)
