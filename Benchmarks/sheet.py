#!/usr/bin/env python3
"""Draws samples beside the real clips: for each of 16 clips the first frame, the real last frame, and the sample's.

usage: sheet.py CLIPS SAMPLES OUT.png   (needs numpy, and ffmpeg)

CLIPS is a data set with frames; SAMPLES what `pframe sample --dataset CLIPS` wrote.
"""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Tests" / "Peers"))
from moving_shapes import frames, real_clips

ROWS, COLUMNS, GAP = 4, 4, 4


def main() -> None:
    clips, samples, output = map(Path, sys.argv[1:4])
    tiles = []
    for _, key, real in real_clips(clips):
        sample = samples / f"{key}.mp4"
        if sample.exists():
            tiles.append(np.concatenate([real[0], real[-1], frames(sample)[-1]], axis=1))
    tiles = list(islice(tiles, ROWS * COLUMNS))
    if len(tiles) < ROWS * COLUMNS:
        sys.exit(f"error: {samples}: {len(tiles)} samples of clips in {clips}; a sheet has {ROWS * COLUMNS}")
    tiles = [np.pad(tile, ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=255) for tile in tiles]
    rows = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    sheet = np.concatenate(rows)
    height, width = sheet.shape[:2]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-i", "-"]
    # Half the size: the page shows shapes, not pixels.
    command = ["ffmpeg", "-v", "error", "-y", *raw, "-vf", "scale=iw/2:-1:flags=area", str(output)]
    subprocess.run(command, input=sheet.tobytes(), check=True)


if __name__ == "__main__":
    main()
