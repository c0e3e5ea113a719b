"""What a denoiser is conditioned on: the first frame and the caption, as `Sources/Train/Conditioning`."""

import unicodedata
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .files import Members, PFrameError
from .layers import GroupNorm, ResidualBlock


class Shrinking(nn.Module):
    """Halves height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.shrink = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
        self.norm = GroupNorm(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.silu(self.norm(self.shrink(x), 1))


class FirstFrameEncoder(nn.Module):
    """Features of the given first frame. Each width halves height and width; a single width keeps the full size."""

    def __init__(self, widths: list[int], blocks: int, outputs: int) -> None:
        super().__init__()
        first, last = widths[0], widths[-1]
        self.stem = nn.Conv2d(3, first, *((4, 2, 1) if len(widths) > 1 else (3, 1, 1)))
        self.stem_norm = GroupNorm(first)
        self.levels = nn.ModuleList(Shrinking(a, b) for a, b in zip(widths, widths[1:]))
        self.blocks = nn.ModuleList(ResidualBlock(last, last, None) for _ in range(blocks))
        self.output = nn.Conv2d(last, outputs, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in −1…1 to (B, outputs, h, w)."""
        h = F.silu(self.stem_norm(self.stem(x), 1))
        for level in self.levels:
            h = level(h)
        for block in self.blocks:
            h = block(h, 1)
        return self.output(h)


class TextEncoder(nn.Module):
    """Captions as one vector each. The empty caption has a vector of its own.

    kind: `vocabulary`, `labels` or `clip`. entries: words or labels, or the width of CLIP's features.
    """

    def __init__(self, kind: str, entries: int, width: int) -> None:
        super().__init__()
        self.kind = kind
        self.empty = nn.Parameter(torch.randn(1, width) * 0.02)
        if kind == "vocabulary":
            self.words = nn.Parameter(torch.randn(entries, width))
            self.query = nn.Parameter(torch.randn(1, width) * 0.02)
            self.output = nn.Linear(2 * width, width)
        elif kind == "labels":
            self.labels = nn.Parameter(torch.randn(entries, width))
        else:
            self.features = nn.Linear(entries, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Word numbers (B, length), label numbers (B) or CLIP's features (B, entries) to (B, width)."""
        if self.kind == "labels":
            return self.labels[tokens]
        if self.kind == "clip":
            # The length of CLIP's features says nothing.
            scale = tokens.square().mean(1, keepdim=True).sqrt().clamp(min=1e-12)
            return self.features((tokens / scale).to(self.empty.dtype))
        # The mean over the words, beside what an attention with one learned query picks.
        words = self.words[tokens]
        mask = (tokens != 0).to(words.dtype)[..., None]
        mean = (words * mask).sum(1) / mask.sum(1).clamp(min=1)
        scores = (words * self.query).sum(2, keepdim=True) + (mask - 1) * 1e4
        picked = (words * scores.softmax(1) * mask).sum(1)
        return self.output(torch.cat([mean, picked], 1))


class CaptionReader:
    """Turns captions into the numbers of words or labels. A word that the run does not know has number 1."""

    LENGTH = 24
    """Words of a caption that are read."""

    def __init__(self, kind: str, entries: Sequence[str]) -> None:
        """kind: `vocabulary` or `labels`. entries: the words or labels of the run, in the order of `config.json`."""
        self.kind = kind
        first = 2 if kind == "vocabulary" else 0
        self.numbers = {unicodedata.normalize("NFC", entry): first + i for i, entry in enumerate(entries)}

    @classmethod
    def of(cls, config: Members, kind: str) -> "CaptionReader":
        captions = config.members("captions")
        return cls(kind, captions.items("words" if kind == "vocabulary" else "labels", str))

    @property
    def entries(self) -> int:
        """Entries that the table of the text encoder has."""
        return len(self.numbers) + (2 if self.kind == "vocabulary" else 0)

    def tokens(self, captions: Sequence[str]) -> torch.Tensor:
        """Word numbers (B, 24), filled up with 0, or label numbers (B)."""
        if self.kind == "labels":
            return torch.tensor([self._label(caption) for caption in captions])
        rows = [[self.numbers.get(word, 1) for word in self._split(caption)][: self.LENGTH] for caption in captions]
        return torch.tensor([row + [0] * (self.LENGTH - len(row)) for row in rows])

    def _label(self, label: str) -> int:
        number = self.numbers.get(unicodedata.normalize("NFC", label))
        if number is None:
            known = ", ".join(list(self.numbers)[:12])
            raise PFrameError(f'the model knows no label "{label}"; it knows {known}')
        return number

    @staticmethod
    def _split(caption: str) -> list[str]:
        """Runs of letters and digits of any script with the marks on them, in lower case."""
        # Letter by letter: a Greek sigma at the end of a word stays as it is elsewhere.
        lower = "".join(letter.lower() for letter in caption)
        parts = "".join(letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in lower).split(" ")
        return [unicodedata.normalize("NFC", part) for part in parts if part]
