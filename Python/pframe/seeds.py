"""Seeds and the numbers drawn of them, as `Sources/Train/Tensor/RandomSeed.swift`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

MASK = (1 << 64) - 1


@dataclass(frozen=True)
class RandomSeed:
    """A seed of 64 bits. Every draw has its own, made of the seed that a user gave and what the draw is for."""

    value: int

    def mixed(self, part: int | str) -> "RandomSeed":
        """Another seed for each number (SplitMix64's finaliser, Steele et al. 2014) or name (FNV-1a)."""
        if isinstance(part, str):
            number = 0xCBF29CE484222325
            for byte in part.encode():
                number = (number ^ byte) * 0x100000001B3 & MASK
        else:
            number = part & MASK
        z = ((self.value ^ (number * 0x9E3779B97F4A7C15 & MASK)) + 0x9E3779B97F4A7C15) & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return RandomSeed(z ^ z >> 31)

    @property
    def unit(self) -> float:
        """A number in [0, 1): the upper 53 of the first 64 bits of the generator."""
        words = self._words(1)
        return ((int(words[1, 0]) << 32 | int(words[0, 0])) >> 11) * 2.0**-53

    def normal(self, shape: Sequence[int]) -> torch.Tensor:
        """Standard normal float32 numbers, which depend on the seed alone (Box & Muller 1958)."""
        count = math.prod(shape)
        words = self._words(-(-count // 4))
        radius = np.sqrt(-2 * np.log((words[0::2] + 0.5) * 2.0**-32))
        angle = words[1::2] * (2 * math.pi * 2.0**-32)
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
        return torch.from_numpy(pairs.transpose(1, 0, 2).reshape(-1)[:count].astype(np.float32)).reshape(*shape)

    def uniform(self, shape: Sequence[int]) -> torch.Tensor:
        """Uniform float32 numbers in [0, 1), which depend on the seed alone: the upper 24 bits of each word."""
        count = math.prod(shape)
        words = self._words(-(-count // 4)).T.reshape(-1)[:count]
        return torch.from_numpy(((words >> np.uint64(8)) * 2.0**-24).astype(np.float32)).reshape(*shape)

    def _words(self, counters: int) -> np.ndarray:
        """Philox 4x32-10 (Salmon et al. 2011) of the counters (0, 0, 0, 0), (1, 0, 0, 0), …: uint64 (4, counters)."""
        low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
        a, (b, c, d) = np.arange(counters, dtype=np.uint64), np.zeros((3, counters), dtype=np.uint64)
        keys = [self.value & 0xFFFFFFFF, self.value >> 32]
        for _ in range(10):
            left, right = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
            a, c = right >> half ^ b ^ np.uint64(keys[0]), left >> half ^ d ^ np.uint64(keys[1])
            b, d = right & low, left & low
            keys = [key + step & 0xFFFFFFFF for key, step in zip(keys, (0x9E3779B9, 0xBB67AE85))]
        return np.stack([a, b, c, d])
