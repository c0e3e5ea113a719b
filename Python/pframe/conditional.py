"""Conditional residual coding, as `Sources/Train/Models/ResidualVAE/ConditionalAutoencoder.swift`."""

import torch
from torch import nn
from torch.nn import functional as F

from .autoencoder import BLOCK, pixels


class ConditionalAutoencoder(nn.Module):
    """Patterns of 16×16 blocks, each a picture plus a 5×5 filter of the prediction. Latents are their weights.

    latent: channels of a latent.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.scale = nn.Parameter(torch.ones(1))
        self.pictures = nn.Parameter(torch.zeros(latent, BLOCK * BLOCK * 3))
        self.filters = nn.Parameter(torch.zeros(3 * latent, 3, 5, 5))

    def patterns(self, prediction: torch.Tensor) -> torch.Tensor:
        """The patterns of predictions (N, 3, H, W), 0…255: (N, H/16, W/16, latent, 768), blocks as (y, x, C)."""
        p = prediction * self.scale
        means = F.conv2d(F.avg_pool2d(p, BLOCK), self.filters.sum((2, 3), keepdim=True))
        filtered = F.conv2d(F.pad(p, (2, 2, 2, 2), mode="replicate"), self.filters)
        centred = filtered - means.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)
        return _blocks(centred.unflatten(1, (self.latent, 3))) + 0.1 * self.pictures

    def encode(self, residual: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
        """Residuals (N, 3, H, W) beside their predictions to latents (N, latent, H/16, W/16): ridge regression."""
        with torch.no_grad():
            patterns = self.patterns(prediction)
            target = _blocks((residual * self.scale)[:, None]).mT
            ridge = 0.05 * torch.eye(self.latent, dtype=target.dtype, device=target.device)
            z = torch.linalg.solve(patterns @ patterns.mT + ridge, patterns @ target)
            return z.squeeze(-1).movedim(-1, 1)

    def decode(self, latents: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
        """Latents (N, latent, h, w) beside their predictions (N, 3, 16·h, 16·w) to residuals in pixel values."""
        rows = latents.movedim(1, -1)[..., None, :] @ self.patterns(prediction)
        return pixels(rows.squeeze(-2).movedim(-1, 1), BLOCK) / self.scale


def _blocks(x: torch.Tensor) -> torch.Tensor:
    """(N, K, 3, H, W) as (N, H/16, W/16, K, 768)."""
    blocks = x.unflatten(4, (-1, BLOCK)).unflatten(3, (-1, BLOCK))
    return blocks.permute(0, 3, 5, 1, 4, 6, 2).flatten(4)
