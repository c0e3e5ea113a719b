"""CRC-32C (Castagnoli) with numpy: many stripes side by side, then joined."""

from functools import cache

import numpy as np

POLYNOMIAL = 0x82F63B78


@cache
def _byte_table() -> np.ndarray:
    """What a byte does to a checksum of 0."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> np.uint32(1)) ^ (np.uint32(POLYNOMIAL) * (table & np.uint32(1)))
    return table


def _apply(tables: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A linear map of 32 bits, as a table for each byte (4, 256)."""
    parts = [tables[byte][(values >> np.uint32(8 * byte)) & np.uint32(255)] for byte in range(4)]
    return parts[0] ^ parts[1] ^ parts[2] ^ parts[3]


@cache
def _zeros(power: int) -> np.ndarray:
    """The map of 2^power bytes of 0 behind what a checksum is of."""
    values = np.arange(256, dtype=np.uint32) << (np.uint32(8) * np.arange(4, dtype=np.uint32))[:, None]
    if power == 0:
        return (values >> np.uint32(8)) ^ _byte_table()[values & np.uint32(255)]
    half = _zeros(power - 1)
    return _apply(half, _apply(half, values))


def crc32c(data: bytes) -> int:
    """The checksum as the rows of shards hold it."""
    # Stripes of 2^k bytes, 2^m of them: zeros in front change nothing of a register that begins with 0.
    array = np.frombuffer(data, np.uint8)
    power = max(0, (len(data).bit_length() - 8) // 2)
    stripes = 1 << max(0, (-(-len(data) >> power) - 1).bit_length()) if data else 1
    padded = np.zeros(stripes << power, np.uint8)
    padded[padded.size - array.size :] = array
    # The register that begins with all ones counts as the first four bytes inverted.
    start = padded.size - array.size
    head = min(4, array.size)
    padded[start : start + head] ^= 255
    sums = np.zeros(stripes, np.uint32)
    table = _byte_table()
    for column in np.ascontiguousarray(padded.reshape(stripes, -1).T):
        sums = (sums >> np.uint32(8)) ^ table[(sums ^ column) & np.uint32(255)]
    while sums.size > 1:
        sums = _apply(_zeros(power), sums[0::2]) ^ sums[1::2]
        power += 1
    result = int(sums[0])
    if head < 4:
        result ^= 0xFFFFFFFF >> 8 * head
    return result ^ 0xFFFFFFFF
