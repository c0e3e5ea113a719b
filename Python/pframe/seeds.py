"""Seeds made of others, as Swift's RandomSeed makes them."""

from dataclasses import dataclass

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
