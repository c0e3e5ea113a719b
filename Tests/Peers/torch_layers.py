"""The layers of Sources/Train in plain PyTorch: the same mathematics and the same names of parameters.

Images are (B·T, C, H, W) here, (B·T, H, W, C) there; the frames of a clip follow one another.
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
    def __init__(self, frames: int, heads: int = 8) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(2 * frames - 1, heads) * 0.02)
        self.frames = frames

    def forward(self) -> torch.Tensor:
        place = torch.arange(self.frames, device=self.table.device)
        return self.table[place[:, None] - place[None, :] + self.frames - 1].permute(2, 0, 1)


class TimeEmbedding(nn.Module):
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


class Level(nn.Module):
    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.first = ResidualBlock(inputs, outputs, condition)
        self.second = ResidualBlock(outputs, outputs, condition)
        self.space = LinearAttention(outputs)
        self.time = Attention(outputs, "time")

    def forward(self, x: torch.Tensor, frames: int, embedding: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        h = self.second(self.first(x, frames, embedding), frames, embedding)
        return self.time(self.space(h), frames, bias)


class Middle(nn.Module):
    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.first = ResidualBlock(channels, channels, condition)
        self.space = Attention(channels, "space")
        self.time = Attention(channels, "time")
        self.second = ResidualBlock(channels, channels, condition)

    def forward(self, x: torch.Tensor, frames: int, embedding: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        h = self.space(self.first(x, frames, embedding), frames)
        return self.second(self.time(h, frames, bias), frames, embedding)


class UNet3D(nn.Module):
    def __init__(
        self, width: int, multiples: list[int], inputs: int, outputs: int, frames: int, text: int = 0
    ) -> None:
        super().__init__()
        widths = [multiple * width for multiple in multiples]
        before = [width, *widths[:-1]]
        condition = 4 * width + text
        self.frames = frames
        self.input = nn.Conv2d(inputs, width, 7, padding=3)
        self.frame_position = nn.Parameter(torch.zeros(frames, width))
        self.input_time = Attention(width, "time")
        self.bias = RelativePositionBias(frames)
        self.embedding = TimeEmbedding(width)
        self.downs = nn.ModuleList(Level(*pair, condition) for pair in zip(before, widths))
        for level in self.downs[:-1]:
            channels = level.second.second.out_channels
            level.shrink = nn.Conv2d(channels, channels, 4, stride=2, padding=1)
        self.middle = Middle(widths[-1], condition)
        self.ups = nn.ModuleList(Level(2 * b, a, condition) for a, b in reversed(list(zip(before, widths))))
        for level in self.ups[:-1]:
            channels = level.second.second.out_channels
            level.grow = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1)
        self.last = ResidualBlock(2 * width, width, condition)
        self.output = nn.Conv2d(width, outputs, 1)

    def forward(self, x: torch.Tensor, steps: torch.Tensor, text: torch.Tensor | None = None) -> torch.Tensor:
        frames, bias = self.frames, self.bias()
        condition = self.embedding(steps)
        if text is not None:
            condition = torch.cat([condition, text], 1)
        condition = F.silu(condition)
        entered = (self.input(x).unflatten(0, (-1, frames)) + self.frame_position[:, :, None, None]).flatten(0, 1)
        start = self.input_time(entered, frames, bias)
        h, skips = start, []
        for level in self.downs:
            h = level(h, frames, condition, bias)
            skips.append(h)
            if hasattr(level, "shrink"):
                h = level.shrink(h)
        h = self.middle(h, frames, condition, bias)
        for level in self.ups:
            h = level(torch.cat([h, skips.pop()], 1), frames, condition, bias)
            if hasattr(level, "grow"):
                h = level.grow(h)
        return self.output(self.last(torch.cat([h, start], 1), frames, condition))


class AutoencoderLevel(nn.Module):
    def __init__(self, widths: list[int], shrink: int | None = None, grow: int | None = None) -> None:
        """Blocks from each width to the next."""
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
    def __init__(self, patch: int, widths: list[int], blocks: int, latent: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], patch, stride=patch)
        self.levels = nn.ModuleList()
        for index, width in enumerate(widths):
            last = index == len(widths) - 1
            inputs = widths[max(0, index - 1)]
            self.levels.append(AutoencoderLevel([inputs] + blocks * [width], shrink=None if last else width))
        self.moments = nn.Conv2d(widths[-1], 2 * latent, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for level in self.levels:
            x = level(x)
        return self.moments(x)


class Decoder(nn.Module):
    def __init__(self, patch: int, widths: list[int], blocks: int, latent: int) -> None:
        super().__init__()
        self.entry = nn.Conv2d(latent, widths[-1], 3, padding=1)
        self.levels = nn.ModuleList()
        for index in reversed(range(len(widths))):
            self.levels.append(
                AutoencoderLevel([widths[index]] * (blocks + 2), grow=widths[index - 1] if index else None))
        self.output = nn.Conv2d(widths[0], 3 * patch * patch, 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = self.entry(z)
        for level in self.levels:
            z = level(z)
        return self.output(z)


class ResidualAutoencoder(nn.Module):
    """Linear maps of 16×16 blocks, fixed, and networks around them that work at unit energy."""

    def __init__(self, patch: int, widths: list[int], blocks: int, latent: int) -> None:
        super().__init__()
        self.patch, self.latent = patch, latent
        self.scale = nn.Parameter(torch.ones(1))
        self.analysis = nn.Conv2d(3, latent, 16, stride=16)
        self.synthesis = nn.Linear(latent, 16 * 16 * 3)
        self.encoder = Encoder(patch, widths, blocks, latent)
        self.decoder = Decoder(patch, widths, blocks, latent)

    @staticmethod
    def energy(x: torch.Tensor) -> torch.Tensor:
        return (x.square().mean((1, 2, 3), keepdim=True) + 1e-6).sqrt()

    @staticmethod
    def pixels(x: torch.Tensor, patch: int) -> torch.Tensor:
        """(N, p·p·3, h, w), of which each column is a block (p, p, 3), as (N, 3, h·p, w·p)."""
        blocks = x.unflatten(1, (patch, patch, 3)).permute(0, 3, 4, 1, 5, 2)
        return blocks.flatten(4, 5).flatten(2, 3)

    def encode(self, residual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = residual * self.scale
        energy = self.energy(x)
        mean, variance = self.encoder(x / energy).chunk(2, 1)
        return mean * energy + self.analysis(x), (variance - 4.6).clamp(-20, 10)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        energy = self.energy(z)
        fine = self.pixels(self.decoder(z / energy), self.patch) * energy
        return (fine + self.pixels(self.synthesis(z.movedim(1, -1)).movedim(-1, 1), 16)) / self.scale
