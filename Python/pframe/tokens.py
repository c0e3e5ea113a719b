"""Masked diffusion of tokens (Austin et al. 2021; Chang et al. 2022), as `Sources/Train/Diffusion/TokenDiffusion.swift`."""

import math
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional as F

from .seeds import RandomSeed


class TokenDiffusion:
    """Hides places of clips, and draws what hidden places hold.

    A place holds a token of each kind, a whole number below the classes of its kind; a hidden place holds the mask, which
    is the number of classes. Tokens are (B, T, h, w, kinds).
    """

    def __init__(self, classes: Sequence[int]) -> None:
        self.classes = tuple(classes)

    @staticmethod
    def share(time: float) -> float:
        """The share of hidden places at a time in 0…1."""
        return math.cos(math.pi / 2 * time)

    def masked(self, tokens: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Tokens of which the places `hidden`, bool (B, T, h, w), are hidden."""
        return torch.where(hidden[..., None], torch.tensor(self.classes, device=tokens.device), tokens)

    def loss(self, logits: Sequence[torch.Tensor], tokens: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """The cross-entropy of hidden places by the expected number of these, 2/π of all. logits: (B, T, h, w, classes)
        of each kind."""
        total = sum(
            F.cross_entropy(kind.flatten(0, -2), tokens[..., index].flatten(), reduction="none")
            for index, kind in enumerate(logits)
        )
        return (total * hidden.flatten()).mean() * (math.pi / 2)

    @torch.no_grad()
    def sample(
        self, shape: Sequence[int], seeds: Sequence[int],
        predict: Callable[[torch.Tensor, float], Sequence[torch.Tensor]], *, rounds: int, temperature: float = 1,
        device: torch.device | str = "cpu",
    ) -> torch.Tensor:  # fmt: skip
        """Tokens (B, T, h, w, kinds) of clips of a shape (T, h, w). Each round draws all hidden places and keeps those
        whose time has come.

        predict: the logits of tokens of which a share is hidden. temperature: 1 draws with the probabilities of the
        logits; less favours the likely classes.
        """
        times = torch.stack([RandomSeed(seed).mixed("order").uniform(shape) for seed in seeds]).to(device)
        hidden = torch.ones_like(times, dtype=torch.bool)
        tokens = torch.tensor(self.classes, device=device).expand(*times.shape, -1)
        for number in range(rounds):
            logits = predict(tokens, self.share(number / rounds))
            drawn = torch.stack(
                [self._drawn(kind / temperature, seeds, number, index) for index, kind in enumerate(logits)], -1
            )
            tokens = torch.where(hidden[..., None], drawn, tokens)
            hidden = times < (self.share((number + 1) / rounds) if number + 1 < rounds else 0)
            tokens = self.masked(tokens, hidden)
        return tokens

    @staticmethod
    def _drawn(logits: torch.Tensor, seeds: Sequence[int], number: int, kind: int) -> torch.Tensor:
        """The greatest of logits plus Gumbel noise (Maddison et al. 2014)."""
        draws = [RandomSeed(seed).mixed("token").mixed(number).mixed(kind).uniform(logits.shape[1:]) for seed in seeds]
        uniform = torch.stack(draws).to(logits.device) * (1 - 2.0**-23) + 2.0**-25
        return (logits - (-uniform.log()).log()).argmax(-1)
