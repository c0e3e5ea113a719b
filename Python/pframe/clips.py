"""From the arrays of a record to what a model diffuses, and back to video: a codec per family of models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from .autoencoder import ResidualAutoencoder
from .conditional import ConditionalAutoencoder
from .motion import Array, predict

Autoencoder = ResidualAutoencoder | ConditionalAutoencoder
"""Residual or conditional coding."""


@dataclass(frozen=True)
class Clip:
    """A clip in the layout of files."""

    frames: torch.Tensor
    """uint8 (T, H, W, 3), the given frame first."""
    motion: torch.Tensor | None = None
    """int16 (T−1, H/16, W/16, 2) in quarter pixels; None for families without motion."""
    residual: torch.Tensor | None = None
    """int16 (T−1, H, W, 3)."""


def _channels_first(array: Array) -> torch.Tensor:
    """Float32 (…, T, C, h, w) of an array (…, T, h, w, C)."""
    return torch.as_tensor(array).to(torch.float32).movedim(-1, -3)


class FrameCodec:
    """VDM: the frames themselves; in video the given frame replaces the first."""

    clipping = 1.0
    """What no value of a clean clip exceeds; sampling clamps to it."""

    def clean(self, record: Mapping[str, Array]) -> torch.Tensor:
        """x₀ of a record, (T, 3, H, W)."""
        return _channels_first(record["frames.npy"]) / 127.5 - 1

    def rebuild(self, x: torch.Tensor, first: torch.Tensor) -> list[Clip]:
        """Video of diffused clips (B, T, C, h, w) with the given frames, uint8 (B, H, W, 3)."""
        frames = (x * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).movedim(2, -1)
        return [Clip(torch.cat([given[None].to(x.device), clip[1:]])) for given, clip in zip(first, frames)]


class DifferenceCodec:
    """D-VDM: differences of frames. Video is their running sum, clamped only at the end."""

    clipping = 1.0

    def clean(self, record: Mapping[str, Array]) -> torch.Tensor:
        """x₀ of a record, (T−1, 3, H, W)."""
        return _channels_first(record["difference.npy"]) / 255

    def rebuild(self, x: torch.Tensor, first: torch.Tensor) -> list[Clip]:
        """Video of diffused clips (B, T, C, h, w) with the given frames, uint8 (B, H, W, 3)."""
        differences = (x * 255).round().clamp(-255, 255).to(torch.int32).movedim(2, -1)
        first = first[:, None].to(x.device, torch.int32)
        sums = torch.cat([first, first + differences.cumsum(1, dtype=torch.int32)], 1)
        return [Clip(frames) for frames in sums.clamp(0, 255).to(torch.uint8)]


class MotionLatentCodec:
    """ED-VDM: motion in pixels and latents of residuals as sign(z) √|z|, standardised channel by channel."""

    clipping = 6.0

    def __init__(
        self, means: Sequence[float], deviations: Sequence[float], radius: int, autoencoder: Autoencoder,
        least_norm: float | None = None,
    ) -> None:  # fmt: skip
        """The statistics of `config.json`, two channels of motion first, and the decoder of latents.

        least_norm: where motion comes first, the length of a latent above which a block is coded.
        """
        self.means = torch.tensor(means, dtype=torch.float32).reshape(-1, 1, 1)
        self.deviations = torch.tensor(deviations, dtype=torch.float32).reshape(-1, 1, 1)
        self.radius, self.autoencoder, self.least_norm = radius, autoencoder, least_norm

    def clean(self, record: Mapping[str, Array]) -> torch.Tensor:
        """x₀ of a record, (T−1, 2 + latent, H/16, W/16)."""
        motion = _channels_first(record["mv.npy"]).clamp(-4 * self.radius, 4 * self.radius) / 4
        latents = _channels_first(record["latent.npy"])
        if self.least_norm is None:
            latents = latents / (latents.square() + 1e-12).sqrt().sqrt()
        else:
            latents = latents * (latents.square().sum(-3, keepdim=True) > self.least_norm**2)
        x = torch.cat([motion, latents], -3)
        return (x - self.means.to(x.device)) / self.deviations.to(x.device)

    @torch.no_grad()
    def rebuild(self, x: torch.Tensor, first: torch.Tensor) -> list[Clip]:
        """Video of diffused clips (B, T, C, h, w) with the given frames, uint8 (B, H, W, 3)."""
        values = x * self.deviations.to(x.device) + self.means.to(x.device)
        motion = values[:, :, :2].clamp(-self.radius, self.radius).round().to(torch.int16) * 4
        latents = values[:, :, 2:] if self.least_norm is not None else values[:, :, 2:] * values[:, :, 2:].abs()
        clips = zip(first.to(x.device), motion.movedim(2, -1), latents.movedim(2, -1))
        return [decode_latents(self.autoencoder, given, field, z) for given, field, z in clips]


@torch.no_grad()
def decode_latents(autoencoder: Autoencoder, first: Array, motion: Array, latents: Array) -> Clip:
    """The clip of a first frame uint8 (H, W, 3), motion int16 (T−1, H/16, W/16, 2) and latents (T−1, H/16, W/16, C):
    pₙ = P(xₙ₋₁, mvₙ), xₙ = clamp(pₙ + round(D(zₙ, pₙ)))."""
    scale = autoencoder.scale
    frames, residuals = [torch.as_tensor(first, device=scale.device)], []
    motion = torch.as_tensor(motion, device=scale.device)
    for field, z in zip(motion, _channels_first(latents).to(scale.device, scale.dtype)):
        predicted = predict(frames[-1], field)
        decoded = autoencoder.decode(z[None], predicted.movedim(-1, 0)[None].to(scale.dtype))[0]
        residuals.append(decoded.round().clamp(-255, 255).to(torch.int16).movedim(0, -1))
        frames.append((predicted.to(torch.int16) + residuals[-1]).clamp(0, 255).to(torch.uint8))
    return Clip(torch.stack(frames), motion, torch.stack(residuals))
