"""The 3D U-Net of video diffusion (Ho et al. 2022), as `Sources/Train/Networks/UNet3D.swift`."""

import torch
from torch import nn
from torch.nn import functional as F

from .layers import Attention, LinearAttention, RelativePositionBias, ResidualBlock, TimeEmbedding


class Level(nn.Module):
    """Two residual blocks, linear attention among positions, attention among frames."""

    def __init__(self, inputs: int, outputs: int, condition: int, heads: int) -> None:
        super().__init__()
        self.first = ResidualBlock(inputs, outputs, condition)
        self.second = ResidualBlock(outputs, outputs, condition)
        self.space = LinearAttention(outputs, heads)
        self.time = Attention(outputs, "time", heads)
        # A level on the way down shrinks behind the skip, a level on the way up grows.
        self.shrink: nn.Module | None = None
        self.grow: nn.Module | None = None

    def forward(self, x: torch.Tensor, frames: int, embedding: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        h = self.second(self.first(x, frames, embedding), frames, embedding)
        return self.time(self.space(h), frames, bias)


class Middle(nn.Module):
    """Two residual blocks with attention among positions and among frames between them."""

    def __init__(self, channels: int, condition: int, heads: int) -> None:
        super().__init__()
        self.first = ResidualBlock(channels, channels, condition)
        self.space = Attention(channels, "space", heads)
        self.time = Attention(channels, "time", heads)
        self.second = ResidualBlock(channels, channels, condition)

    def forward(self, x: torch.Tensor, frames: int, embedding: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        h = self.space(self.first(x, frames, embedding), frames)
        return self.second(self.time(h, frames, bias), frames, embedding)


class UNet3D(nn.Module):
    """Predicts from a noisy clip; `width` channels at full size, `multiples` of them in the levels."""

    def __init__(
        self, width: int, multiples: list[int], inputs: int, outputs: int, frames: int, text: int = 0,
        conditions: int = 0, heads: int = 8,
    ) -> None:  # fmt: skip
        super().__init__()
        widths = [multiple * width for multiple in multiples]
        before = [width, *widths[:-1]]
        embedding = 4 * width + text
        self.frames = frames
        self.input = nn.Conv2d(inputs, width, 7, padding=3)
        self.input_condition = nn.Conv2d(conditions, width, 7, padding=3) if conditions else None
        self.frame_position = nn.Parameter(torch.zeros(frames, width))
        self.input_time = Attention(width, "time", heads)
        self.bias = RelativePositionBias(frames, heads)
        self.embedding = TimeEmbedding(width)
        self.downs = nn.ModuleList(Level(a, b, embedding, heads) for a, b in zip(before, widths))
        for level, channels in list(zip(self.downs, widths))[:-1]:
            level.shrink = nn.Conv2d(channels, channels, 4, stride=2, padding=1)
        self.middle = Middle(widths[-1], embedding, heads)
        mirrored = list(reversed(list(zip(before, widths))))
        self.ups = nn.ModuleList(Level(2 * b, a, embedding, heads) for a, b in mirrored)
        for level, (channels, _) in list(zip(self.ups, mirrored))[:-1]:
            level.grow = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1)
        self.last = ResidualBlock(2 * width, width, embedding)
        self.output = nn.Conv2d(width, outputs, 1)

    def forward(
        self, x: torch.Tensor, steps: torch.Tensor, text: torch.Tensor | None = None,
        frame: torch.Tensor | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """(B·T, inputs, h, w) to (B·T, outputs, h, w).

        steps: the diffusion step of each clip, (B), of the type of the parameters. text: (B, text).
        frame: what all frames of a clip are conditioned on, (B, conditions, h, w).
        """
        frames, bias = self.frames, self.bias()
        embedding = self.embedding(steps)
        if text is not None:
            embedding = torch.cat([embedding, text], 1)
        embedding = F.silu(embedding)
        clips = self.input(x).unflatten(0, (-1, frames))
        if self.input_condition is not None and frame is not None:
            clips = clips + self.input_condition(frame)[:, None]
        entered = (clips + self.frame_position[:, :, None, None]).flatten(0, 1)
        start = self.input_time(entered, frames, bias)
        h, skips = start, []
        for level in self.downs:
            h = level(h, frames, embedding, bias)
            skips.append(h)
            if level.shrink is not None:
                h = level.shrink(h)
        h = self.middle(h, frames, embedding, bias)
        for level in self.ups:
            h = level(torch.cat([h, skips.pop()], 1), frames, embedding, bias)
            if level.grow is not None:
                h = level.grow(h)
        return self.output(self.last(torch.cat([h, start], 1), frames, embedding))
