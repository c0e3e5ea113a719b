#!/usr/bin/env python3
"""Defines the motion of `pframe build --motion-source stream` of one video, and says how good the motion of a set is.

usage: traced_motion.py VIDEO DATASET --stride N [--extracted DIR]   (needs numpy and PyAV)
       traced_motion.py DATASET                                     SAD alone, of sets of any motion

Vectors are those that PyAV exports on one thread. Without --extracted every vector predicts from the picture before,
as in streams with one reference and no B-pictures. With it, the `reference` column of DIR/motion.npy
(`pframe extract --references`) names the references. Places are followed one by one from picture to
picture, to the earlier sampled picture; a step that leads past it counts in part. DATASET was built of
VIDEO alone with --stride N, --no-cuts and --fit crop.

Exit status 1 where a block's vector is none of those traced at its 16 points, or has not the least SAD of luma among
them; or where the number of blocks without one is not what the set says. Prints a line of JSON: clips, blocks,
searched; SAD per pixel of the set's motion (`sad`) and without motion (`zero`).
"""

import argparse
import io
import json
import math
import sys
import tarfile
from pathlib import Path

import av
import numpy as np

from decoding import decode

BLOCK, SPACING = 16, 4
CELL = 4  # All blocks of vectors begin and end at multiples of it.


def records(dataset: Path):
    """JSON, frames (T, H, W, 3) and vectors (T-1, H/16, W/16, 2) of every record."""
    for shard in sorted(dataset.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar.getmembers():
                if member.name.endswith(".json"):
                    key = member.name.removesuffix(".json")
                    frames, motion = (np.load(io.BytesIO(tar.extractfile(f"{key}.{name}.npy").read()))
                                      for name in ("frames", "mv"))
                    yield json.load(tar.extractfile(member)), frames, motion


def luma(frames: np.ndarray) -> np.ndarray:
    """Luma of RGB frames by BT.601, 16...235."""
    return (16 + frames @ np.array([65.481, 128.553, 24.966]) / 255).round().astype(int)


def compensate(before: np.ndarray, top: int, left: int, vector: tuple[int, int]) -> np.ndarray:
    """A block of the frame before, displaced by whole pixels, coordinates clamped."""
    rows = np.clip(np.arange(top, top + BLOCK) + vector[1], 0, before.shape[0] - 1)
    columns = np.clip(np.arange(left, left + BLOCK) + vector[0], 0, before.shape[1] - 1)
    return before[rows[:, None], columns]


class Trails:
    """The vector and the reference of every cell of every picture."""

    def __init__(self, video: str, extracted: Path | None):
        rows = np.load(extracted / "motion.npy") if extracted else None
        self.pictures = {}
        for picture in decode(video):
            height, width = self.size = picture.luma.shape
            if rows is None:
                references = np.full(len(picture.vectors), picture.index - 1)
            else:
                own = rows[rows[:, 0] == picture.index]
                if not np.array_equal(own[:, 2:], picture.vectors):
                    sys.exit(f"picture {picture.index}: other vectors than PyAV's")
                references = own[:, 1]
            reference = np.full((-(-height // CELL), -(-width // CELL)), -1)
            vector = np.zeros((*reference.shape, 2))
            if picture.type == "I" or picture.interlaced or picture.damaged:
                references = references[:0]
            # List 0 over list 1.
            for wanted in (1, -1):
                for row, index in zip(picture.vectors, references):
                    source, w, h, _, _, x, y, dx, dy, scale = row.tolist()
                    if source != wanted or index < 0:
                        continue
                    top, left = (y - h // 2) // CELL, (x - w // 2) // CELL
                    area = np.s_[max(0, top):max(0, top + h // CELL), max(0, left):max(0, left + w // CELL)]
                    reference[area], vector[area] = index, (dx / scale, dy / scale)
            self.pictures[picture.index] = reference, vector

    def follow(self, x: float, y: float, picture: int, earlier: int) -> tuple[float, float] | None:
        """Where a place of a picture lies in an earlier one; None where the trail ends."""
        height, width = self.size
        while picture > earlier:
            reference, vector = self.pictures[picture]
            at = min(max(math.floor(y), 0), height - 1) // CELL, min(max(math.floor(x), 0), width - 1) // CELL
            if reference[at] < 0:
                return None
            dx, dy = vector[at]
            if reference[at] < earlier:
                part = (picture - earlier) / (picture - int(reference[at]))
                dx, dy = dx * part, dy * part
            x, y, picture = x + dx, y + dy, max(int(reference[at]), earlier)
        return x, y


def whole(value: float) -> set[int]:
    """The nearest whole numbers: two for a half, where the last bit decides."""
    return {math.floor(value + 0.5 + nudge) for nudge in (-1e-6, 1e-6)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--stride", type=int, default=1, metavar="N")
    parser.add_argument("--extracted", type=Path, metavar="DIR")
    parser.add_argument("--radius", type=int, default=15, metavar="R")
    arguments = parser.parse_args()
    if arguments.video:
        trails = Trails(arguments.video, arguments.extracted)
        with av.open(arguments.video) as container:
            stream = container.streams.video[0]
            visible = stream.width, stream.height
            aspect = float(stream.sample_aspect_ratio or 1)
    counts = {"clips": 0, "blocks": 0, "searched": 0, "sad": 0, "zero": 0}
    for clip, (facts, frames, motion) in enumerate(records(arguments.dataset)):
        counts["clips"] += 1
        lumas = luma(frames)
        height, width = lumas.shape[1:]
        missing = 0
        for n in range(1, len(frames)):
            if arguments.video:
                # The middle of the picture in the proportions of the clip; left and top are even.
                shape, wanted = visible[0] * aspect / visible[1], width / height
                cut = (min(visible[0], round(visible[0] * wanted / shape)), min(visible[1], round(visible[1] * shape / wanted)))
                left, top = ((a - b) // 2 & ~1 for a, b in zip(visible, cut))
                sides = cut[0] / width, cut[1] / height
                earlier, picture = (arguments.stride * (clip * len(frames) + k) for k in (n - 1, n))
            for row in range(height // BLOCK):
                for column in range(width // BLOCK):
                    block = np.s_[row * BLOCK:(row + 1) * BLOCK, column * BLOCK:(column + 1) * BLOCK]
                    vector = tuple((motion[n - 1, row, column] // 4).tolist())

                    def sad(vector: tuple[int, int]) -> int:
                        shown = compensate(lumas[n - 1], row * BLOCK, column * BLOCK, vector)
                        return int(abs(lumas[n][block] - shown).sum())

                    counts["blocks"] += 1
                    counts["sad"] += sad(vector)
                    counts["zero"] += sad((0, 0))
                    if not arguments.video:
                        continue
                    candidates, certain = set(), set()
                    for y in range(row * BLOCK + SPACING // 2, (row + 1) * BLOCK, SPACING):
                        for x in range(column * BLOCK + SPACING // 2, (column + 1) * BLOCK, SPACING):
                            start = left + x * sides[0], top + y * sides[1]
                            end = trails.follow(*start, picture, earlier)
                            if end:
                                steps = ((b - a) / side for a, b, side in zip(start, end, sides))
                                across, down = (whole(step) for step in steps)
                                rounded = {(a, b) for a in across for b in down}
                                candidates |= {v for v in rounded if max(map(abs, v)) <= arguments.radius}
                                if rounded <= candidates and len(rounded) == 1:
                                    certain |= rounded
                    if not candidates:
                        missing += 1
                        continue
                    where = f"{facts['key']}: frame {n}, block ({row}, {column})"
                    if vector not in candidates:
                        print(f"{where}: {vector} is none of {sorted(candidates)}")
                        return 1
                    least = min(map(sad, certain), default=sad(vector))
                    # libswscale's luma is not rounded as ours.
                    if sad(vector) > least * 1.02 + BLOCK * BLOCK // 4:
                        print(f"{where}: {vector} has SAD {sad(vector)}, the least is {least}")
                        return 1
        counts["searched"] += missing
        blocks = (len(frames) - 1) * (height // BLOCK) * (width // BLOCK)
        if arguments.video and abs(facts["motion_searched"] - missing / blocks) > 1e-9:
            print(f"{facts['key']}: motion_searched {facts['motion_searched']}, traced {missing} of {blocks} missing")
            return 1
    pixels = max(1, counts["blocks"]) * BLOCK * BLOCK
    print(json.dumps(counts | {"sad": counts["sad"] / pixels, "zero": counts["zero"] / pixels}))
    return 0 if counts["clips"] else 1


if __name__ == "__main__":
    sys.exit(main())
