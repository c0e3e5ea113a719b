#!/usr/bin/env python3
"""Rebuilds the frames of every sample from first.npy, mv.npy and residual.npy, and compares them with frames.npy.

Plain numpy, block by block, sharing no code with what wrote the shards. Prints one line of JSON; the exit status is 1
where a frame differs or there is no sample.
"""

import argparse
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

BLOCK = 16
MEMBERS = ("first.npy", "frames.npy", "mv.npy", "residual.npy")


def samples(path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Each key with its arrays, from the members that stand beside one another."""
    arrays: dict[str, np.ndarray] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            key, _, name = member.name.partition(".")
            if name in MEMBERS:
                arrays[name] = np.load(io.BytesIO(archive.extractfile(member).read()), allow_pickle=False)
            if len(arrays) == len(MEMBERS):
                yield key, arrays
                arrays = {}
    if arrays:
        raise SystemExit(f"{path}: the last sample has only {', '.join(sorted(arrays))}")


def predict(frame: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The frame moved block by block; the edge goes on for ever."""
    height, width = frame.shape[:2]
    result = np.zeros_like(frame)
    for row, column in np.ndindex(field.shape[:2]):
        dx, dy = (int(value) // 4 for value in field[row, column])
        ys = np.arange(row * BLOCK, min((row + 1) * BLOCK, height))
        xs = np.arange(column * BLOCK, min((column + 1) * BLOCK, width))
        source = np.ix_(np.clip(ys + dy, 0, height - 1), np.clip(xs + dx, 0, width - 1))
        result[np.ix_(ys, xs)] = frame[source]
    return result


def differing(arrays: dict[str, np.ndarray]) -> int:
    """How many frames of a sample do not come back."""
    frames, field, residual = arrays["frames.npy"], arrays["mv.npy"], arrays["residual.npy"]
    rebuilt = arrays["first.npy"]
    wrong = int(not np.array_equal(rebuilt, frames[0]))
    for frame, vectors, rest in zip(frames[1:], field, residual, strict=True):
        rebuilt = (predict(rebuilt, vectors).astype(np.int16) + rest).astype(np.uint8)
        wrong += int(not np.array_equal(rebuilt, frame))
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", nargs="+", type=Path, metavar="SHARD.tar")
    wrong = {key: differing(arrays) for path in parser.parse_args().shards for key, arrays in samples(path)}
    print(json.dumps({"samples": len(wrong), "frames_that_differ": sum(wrong.values())}))
    return 1 if not wrong or any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
