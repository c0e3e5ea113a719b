#!/usr/bin/env python3
"""Defines how good a block search must be: mean luma SAD per pixel against full search and against no motion.

EXTRACTED_DIR/motion.npy holds at most one whole-pixel vector per 16x16 block, from the previous displayed frame
(`pframe extract --motion-source search` or `h264`); a block without a row counts with the zero vector. Blocks are the
whole 16x16 blocks of the coded picture; coordinates are clamped to its edge. Full search tries every offset within
+-radius. Prints one line of JSON; exit status 1 where the SAD is above 1.15 times full search's or half of zero's.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from decoding import decode

BLOCK = 16
OVER_FULL = 1.15
OVER_ZERO = 0.5


def block_sums(values: np.ndarray) -> np.ndarray:
    """Sums of uint8 values over 16x16 blocks: (H / 16, W / 16)."""
    h, w = values.shape
    columns = values.reshape(h // BLOCK, BLOCK, w).sum(1, dtype=np.uint16)
    return columns.reshape(h // BLOCK, w // BLOCK, BLOCK).sum(2, dtype=np.int64)


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|a - b| of uint8 values."""
    return np.maximum(a, b) - np.minimum(a, b)


def full_search(current: np.ndarray, previous: np.ndarray, radius: int) -> np.ndarray:
    """The least SAD of each block over every offset within +-radius."""
    h, w = current.shape
    padded = np.pad(previous, radius, mode="edge")
    least = np.full((h // BLOCK, w // BLOCK), np.iinfo(np.int64).max)
    for y in range(2 * radius + 1):
        for x in range(2 * radius + 1):
            np.minimum(least, block_sums(difference(current, padded[y : y + h, x : x + w])), out=least)
    return least


def compensate(previous: np.ndarray, rows: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The prediction (H, W) of a frame from rows of ten columns, zero vectors where there is no row."""
    h, w = size
    source, bw, bh = rows[:, 0], rows[:, 1], rows[:, 2]
    corners = rows[:, 5:7] - BLOCK // 2
    vectors, rest = np.divmod(rows[:, 7:9], rows[:, 9:])
    if (source >= 0).any() or (bw != BLOCK).any() or (bh != BLOCK).any() or (corners % BLOCK).any() or rest.any():
        raise SystemExit("motion.npy holds rows that are not whole-pixel 16x16 blocks from a previous frame")
    field = np.zeros((h // BLOCK, w // BLOCK, 2), np.int64)
    inside = (corners[:, 0] + BLOCK <= w) & (corners[:, 1] + BLOCK <= h)
    field[corners[inside, 1] // BLOCK, corners[inside, 0] // BLOCK] = vectors[inside]
    dense = field.repeat(BLOCK, 0).repeat(BLOCK, 1)
    y = np.clip(np.arange(h)[:, None] + dense[..., 1], 0, previous.shape[0] - 1)
    x = np.clip(np.arange(w) + dense[..., 0], 0, previous.shape[1] - 1)
    return previous[y, x]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("extracted", type=Path, nargs="?", metavar="EXTRACTED_DIR", help="default: full and zero only")
    parser.add_argument("--stream", type=int, metavar="N", help="stream number in the container; default: first video")
    parser.add_argument("--frames", type=int, default=40, metavar="N", help="evenly spaced frames (%(default)s)")
    parser.add_argument("--radius", type=int, default=15, metavar="R", help="of full search, in pixels (%(default)s)")
    arguments = parser.parse_args()

    motion = np.load(arguments.extracted / "motion.npy") if arguments.extracted else None
    pictures = list(decode(arguments.video, arguments.stream))
    if len(pictures) < 2:
        raise SystemExit(f"{arguments.video}: fewer than two frames")
    judged = np.unique(np.linspace(1, len(pictures) - 1, min(arguments.frames, len(pictures) - 1)).round().astype(int))
    sums = {"sad": 0, "full": 0, "zero": 0}
    pixels = 0
    for index in judged:
        previous, luma = pictures[index - 1].luma, pictures[index].luma
        h, w = (side // BLOCK * BLOCK for side in luma.shape)
        current = luma[:h, :w]
        pixels += current.size
        sums["full"] += int(full_search(current, previous, arguments.radius).sum())
        sums["zero"] += int(difference(current, previous[:h, :w]).sum(dtype=np.int64))
        if motion is not None:
            prediction = compensate(previous, motion[motion[:, 0] == index][:, 2:], (h, w))
            sums["sad"] += int(difference(current, prediction).sum(dtype=np.int64))
    means = {name: total / pixels for name, total in sums.items()}
    if motion is None:
        means["sad"] = None
    print(json.dumps(means | {"frames": len(judged)}))
    if motion is None:
        return 0
    return 1 if means["sad"] > OVER_FULL * means["full"] or means["sad"] > OVER_ZERO * means["zero"] else 0


if __name__ == "__main__":
    sys.exit(main())
