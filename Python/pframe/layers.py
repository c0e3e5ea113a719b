"""The layers of the networks: the mathematics and the names of parameters of `Sources/Train/Layers`.

Images are (B·T, C, H, W), the frames of a clip one after the other; in Swift they are (B·T, H, W, C).
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

HEAD_WIDTH = 32


class GroupNorm(nn.GroupNorm):
    """Over all frames of a clip, as nn.GroupNorm of (B, C, T, H, W)."""

    def __init__(self, channels: int, groups: int = 8) -> None:
        super().__init__(groups, channels)

    def forward(self, x: torch.Tensor, frames: int) -> torch.Tensor:
        clips = x.unflatten(0, (-1, frames)).transpose(1, 2)
        return super().forward(clips).transpose(1, 2).flatten(0, 1)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of a position, without a bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.layer_norm(x.movedim(1, -1), (x.shape[1],), self.weight, None, 1e-5)
        return y.movedim(-1, 1)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions, each with group normalisation and SiLU, around which the input is added (He et al. 2016).

    condition: the width of the embedding that scales and shifts what the first gives; None for a block without.
    """

    def __init__(self, inputs: int, outputs: int, condition: int | None) -> None:
        super().__init__()
        self.modulation = nn.Linear(condition, 2 * outputs) if condition is not None else None
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.first_norm = GroupNorm(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.second_norm = GroupNorm(outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: torch.Tensor, frames: int, embedding: torch.Tensor | None = None) -> torch.Tensor:
        h = self.first_norm(self.first(x), frames)
        if self.modulation is not None and embedding is not None:
            both = self.modulation(embedding).repeat_interleave(frames, 0)[:, :, None, None]
            scale, shift = both.chunk(2, 1)
            h = (1 + scale) * h + shift
        h = F.silu(h)
        h = F.silu(self.second_norm(self.second(h), frames))
        return h + (x if self.skip is None else self.skip(x))


def sequence_attention(qkv: torch.Tensor, heads: int, bias: torch.Tensor | None) -> torch.Tensor:
    """Softmax attention along T of (B, T, P, 3·heads·d)."""
    # (B, P, heads, T, d)
    q, k, v = (part.unflatten(-1, (heads, -1)).permute(0, 2, 3, 1, 4) for part in qkv.chunk(3, -1))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if bias is not None:
        scores = scores + bias
    return (scores.softmax(-1) @ v).permute(0, 3, 1, 2, 4).flatten(-2)


def linear_attention(qkv: torch.Tensor, heads: int) -> torch.Tensor:
    """Linear attention over P of (N, P, 3·heads·d)."""
    # (N, heads, P, d)
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1))
    q = q.softmax(-1) / math.sqrt(q.shape[-1])
    context = k.softmax(-2).transpose(-1, -2) @ v
    return (q @ context).transpose(1, 2).flatten(-2)


class Attention(nn.Module):
    """Softmax attention (Vaswani et al. 2017) among the frames of a clip (axis `time`) or the positions of a frame
    (axis `space`), with heads of 32 channels."""

    def __init__(self, channels: int, axis: str, heads: int = 8) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Linear(channels, 3 * heads * HEAD_WIDTH, bias=False)
        self.output = nn.Linear(heads * HEAD_WIDTH, channels, bias=False)
        self.axis, self.heads = axis, heads

    def forward(self, x: torch.Tensor, frames: int, bias: torch.Tensor | None = None) -> torch.Tensor:
        height, width = x.shape[2:]
        # (B·T, P, C)
        qkv = self.qkv(self.norm(x).flatten(2).transpose(1, 2))
        if self.axis == "time":
            y = sequence_attention(qkv.unflatten(0, (-1, frames)), self.heads, bias).flatten(0, 1)
        else:
            y = sequence_attention(qkv[:, :, None], self.heads, bias)[:, :, 0]
        return x + self.output(y).transpose(1, 2).unflatten(2, (height, width))


class LinearAttention(nn.Module):
    """Linear attention among the positions of a frame."""

    def __init__(self, channels: int, heads: int = 8) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Linear(channels, 3 * heads * HEAD_WIDTH, bias=False)
        self.output = nn.Linear(heads * HEAD_WIDTH, channels)
        self.heads = heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        qkv = self.qkv(self.norm(x).flatten(2).transpose(1, 2))
        y = self.output(linear_attention(qkv, self.heads))
        return x + y.transpose(1, 2).unflatten(2, x.shape[2:])


class RelativePositionBias(nn.Module):
    """A learned bias (heads, frames, frames) for every distance between two frames."""

    def __init__(self, frames: int, heads: int = 8) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(2 * frames - 1, heads) * 0.02)
        self.frames = frames

    def forward(self) -> torch.Tensor:
        place = torch.arange(self.frames, device=self.table.device)
        return self.table[place[:, None] - place[None, :] + self.frames - 1].permute(2, 0, 1)


class TimeEmbedding(nn.Module):
    """Diffusion steps (B) as sinusoids through two linear maps, (B, 4 · width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, 4 * width)
        self.width = width

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        half = self.width // 2
        rates = torch.exp(-math.log(10_000) * torch.arange(half, device=steps.device, dtype=torch.float64) / (half - 1))
        angles = steps[:, None] * rates.to(steps.dtype)
        return self.second(F.gelu(self.first(torch.cat([angles.sin(), angles.cos()], 1))))
