"""ED-VDM in two stages, as `Sources/Train/Models/EDVDM/MotionFirst.swift`: motion as tokens, then latents under it."""

import torch
from torch import nn

from .conditioning import CaptionReader, FirstFrameEncoder, TextEncoder
from .denoiser import Condition, Conditioned
from .tokens import TokenDiffusion
from .unet import UNet3D


class TokenNetwork(nn.Module):
    """Logits of tokens: a place enters the U-Net as the sum of a row per kind."""

    def __init__(self, unet: UNet3D, width: int, classes: tuple[int, ...]) -> None:
        super().__init__()
        self.classes = classes
        self.tables = nn.ModuleList(nn.Embedding(count + 1, width) for count in classes)
        self.unet = unet

    def forward(self, tokens: torch.Tensor, steps: torch.Tensor, condition: Condition) -> tuple[torch.Tensor, ...]:
        """(B, T, h, w, kinds) to (B, T, h, w, classes) of each kind. steps: thousandths of hidden places, (B)."""
        x = sum(table(tokens[..., index]) for index, table in enumerate(self.tables))
        logits = self.unet(x.flatten(0, 1).movedim(-1, 1), steps, condition.text, condition.first)
        return logits.movedim(1, -1).unflatten(0, (len(tokens), -1)).split(self.classes, -1)


class LatentNetwork(nn.Module):
    """Denoises latents under vectors, coded blocks, and the frames that the vectors alone give."""

    def __init__(self, unet: UNet3D, width: int, radius: int) -> None:
        super().__init__()
        self.radius = radius
        self.patch = nn.Conv2d(6, width, 16, stride=16)
        self.unet = unet

    def guide(self, first: torch.Tensor, motion: torch.Tensor, coded: torch.Tensor) -> torch.Tensor:
        """What predictions follow from beside the condition, (B, T, width + 3, h, w).

        first: uint8 (B, H, W, 3). motion: whole pixels (B, T, h, w, 2). coded: (B, T, h, w).
        """
        dtype = self.patch.weight.dtype
        follow = followed(first, motion).to(dtype) / 127.5 - 1
        change = follow - (first.to(dtype) / 127.5 - 1)[:, None]
        blocks = self.patch(torch.cat([follow, change], -1).flatten(0, 1).movedim(-1, 1)).unflatten(0, motion.shape[:2])
        side = torch.cat([motion.to(dtype) / max(self.radius, 1), coded.to(dtype)[..., None]], -1)
        return torch.cat([blocks, side.movedim(-1, 2)], 2)

    def forward(
        self, x: torch.Tensor, guide: torch.Tensor, steps: torch.Tensor, condition: Condition
    ) -> torch.Tensor:
        """The prediction for noisy latents (B, T, latent, h, w)."""
        inputs = torch.cat([x, guide], 2).flatten(0, 1)
        return self.unet(inputs, steps, condition.text, condition.first).unflatten(0, x.shape[:2])


def followed(first: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
    """The given frame as motion alone carries it on, uint8 (B, T, H, W, 3): x̃ₙ = P(x̃ₙ₋₁, mvₙ)."""
    height, width = first.shape[1:3]
    rows, columns = torch.arange(height, device=first.device)[:, None], torch.arange(width, device=first.device)
    offsets = motion.long().repeat_interleave(16, 2).repeat_interleave(16, 3)
    places, frames = torch.arange(height * width, device=first.device).expand(len(first), -1), []
    for frame in range(motion.shape[1]):
        y = (rows + offsets[:, frame, :, :, 1]).clamp(0, height - 1)
        x = (columns + offsets[:, frame, :, :, 0]).clamp(0, width - 1)
        places = places.gather(1, (y * width + x).flatten(1))
        frames.append(first.flatten(1, 2).gather(1, places[..., None].expand(-1, -1, 3)).view(first.shape))
    return torch.stack(frames, 1)


class MotionFirst(Conditioned):
    """Both networks with the encoders that they share."""

    def __init__(
        self, motion: TokenNetwork, latents: LatentNetwork, first_frame: FirstFrameEncoder, text: TextEncoder | None,
        captions: CaptionReader | None,
    ) -> None:  # fmt: skip
        super().__init__(first_frame, text, captions)
        self.motion, self.latents = motion, latents
        self.tokens = TokenDiffusion(motion.classes)

    def logits(self, tokens: torch.Tensor, share: float, condition: Condition) -> tuple[torch.Tensor, ...]:
        """The logits of tokens of which a share is hidden."""
        steps = torch.full((len(tokens),), min(round(share * 1000), 999), device=tokens.device)
        return self.motion(tokens, steps.to(self.latents.patch.weight.dtype), condition)

    def tokenised(self, x0: torch.Tensor) -> torch.Tensor:
        """The tokens (B, T, h, w, 3) of clips (B, T, 2 + latent, h, w)."""
        radius = self.latents.radius
        vectors = x0[:, :, :2].round().clamp(-radius, radius) + radius
        coded = x0[:, :, 2:].square().sum(2, keepdim=True) > 0
        return torch.cat([vectors.long(), coded.long()], 2).movedim(2, -1)

    def blocks(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The vectors (B, T, h, w, 2) in pixels that tokens stand for, and which blocks are coded, (B, T, h, w)."""
        return tokens[..., :2] - self.latents.radius, tokens[..., 2]
