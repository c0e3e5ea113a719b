#!/usr/bin/env python3
"""Judges samples of moving shapes by their pixels: does the shape go where the caption says, and how near is the clip?

usage: moving_shapes.py CLIPS SAMPLES   (needs numpy, and ffmpeg)

CLIPS is a data set of moving shapes, with frames; SAMPLES what `pframe sample --dataset CLIPS` wrote.
The shape is told from the ground by colour: the ground's is a normal distribution fitted to the
first frame, from which the shape's pixels lie far. Its centroid in the first frame and in the last gives the direction,
where as many pixels are left of it, within a third and three times: the centroid of noise is the middle of the picture,
towards which most shapes move.
Prints a line of JSON: clips; `right`, the share whose shape moved as its caption says; `real_right`, the same of the
real videos, which proves the judge; `whole`, the share of the shape's pixels in the last frame that are one connected
component, and `real_whole`; `exact`, of the vectors that are not 0 the share that equals the way of the shape per frame,
where samples have motion (KEY.motion.npy), over all clips together; PSNR in dB of the last frame, of samples (`psnr`) and
of the first frame kept (`psnr_copy`). All but `exact` are means over clips.
"""
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


def frames(path: Path) -> np.ndarray:
    """All frames, (T, H, W, 3) uint8."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0"]
    width, height = map(int, subprocess.run([*probe, path], capture_output=True, check=True, text=True).stdout.split(","))
    decode = ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-vsync", "passthrough", "-"]
    raw = subprocess.run(decode, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def real_clips(folder: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Caption, key and frames (T, H, W, 3) of every sample."""
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar.getmembers():
                if member.name.endswith(".json"):
                    key = member.name.removesuffix(".json")
                    facts = json.load(tar.extractfile(member))
                    pixels = np.load(io.BytesIO(tar.extractfile(f"{key}.frames.npy").read()))
                    yield facts["caption"], key, pixels


class Shape:
    """Tells a shape from the ground by colour."""

    def __init__(self, frame: np.ndarray):
        pixels = frame.reshape(-1, 3).astype(float)
        kept = pixels
        for _ in range(5):
            mean, inverse = kept.mean(0), np.linalg.inv(np.cov(kept.T) + np.eye(3))
            far = np.einsum("ni,ij,nj->n", pixels - mean, inverse, pixels - mean)
            kept = pixels[far < np.quantile(far, 0.8)]
        shape = pixels[far > 4 * np.quantile(far, 0.8)].mean(0)
        self.mean, self.axis = mean, inverse @ (shape - mean)
        self.half = 0.5 * (shape - mean) @ self.axis

    def mask(self, frame: np.ndarray) -> np.ndarray:
        """Its pixels, bool (H, W)."""
        return (frame.astype(float) - self.mean) @ self.axis > self.half

    def whole(self, frame: np.ndarray) -> float:
        """The share of its pixels in the largest component of neighbours; 0 where none is left."""
        left = self.mask(frame)
        count, largest = int(left.sum()), 0
        while left.any():
            part = np.zeros_like(left)
            part.flat[np.argmax(left)] = True
            size, before = 1, 0
            while size > before:
                grown = part.copy()
                grown[1:] |= part[:-1]
                grown[:-1] |= part[1:]
                grown[:, 1:] |= part[:, :-1]
                grown[:, :-1] |= part[:, 1:]
                part = grown & left
                size, before = int(part.sum()), size
            left &= ~part
            largest = max(largest, size)
        return largest / count if count else 0

    def step(self, clip: np.ndarray) -> np.ndarray:
        """The way per frame, in whole pixels."""
        return np.round((self.place(clip[-1])[0] - self.place(clip[0])[0]) / (len(clip) - 1)).astype(int)

    def place(self, frame: np.ndarray) -> tuple[np.ndarray, int]:
        """x and y of its pixels' mean, not a number where none is left, and how many they are."""
        mask = self.mask(frame)
        rows, columns = np.nonzero(mask)
        return (np.array([columns.mean(), rows.mean()]) if len(rows) else np.full(2, np.nan)), len(rows)

    def went(self, clip: np.ndarray, direction: tuple[int, int]) -> bool:
        """Whether it went more than a thirty-second of the picture that way, and less across."""
        (start, before), (end, after) = self.place(clip[0]), self.place(clip[-1])
        way = end - start
        along, across = way @ direction, abs(way @ direction[::-1])
        return bool(along > clip.shape[1] / 32 and along > across and before <= 3 * after and after <= 3 * before)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9))


def main() -> None:
    clips, samples = map(Path, sys.argv[1:3])
    right, real_right, whole, real_whole, ours, copies, wrong = [], [], [], [], [], [], []
    exact, moving = 0, 0
    for caption, key, real in real_clips(clips):
        path = samples / f"{key}.mp4"
        if not path.exists():
            continue
        clip = frames(path)
        ours.append(psnr(clip[-1], real[-1]))
        copies.append(psnr(real[0], real[-1]))
        word = next((word for word in caption.split() if word in DIRECTIONS), None)
        if word is None:
            continue
        shape = Shape(real[0])
        right.append(shape.went(clip, DIRECTIONS[word]))
        real_right.append(shape.went(real, DIRECTIONS[word]))
        whole.append(shape.whole(clip[-1]))
        real_whole.append(shape.whole(real[-1]))
        if not right[-1]:
            wrong.append(key)
        field = samples / f"{key}.motion.npy"
        if field.exists():
            vectors = np.load(field).reshape(-1, 2)
            # A vector points to where the block comes from, in quarter pixels.
            exact += int((vectors == -4 * shape.step(real)).all(1).sum())
            moving += int(vectors.any(1).sum())
    print(json.dumps({
        "clips": len(ours), "directions": len(right), "right": float(np.mean(right)),
        "real_right": float(np.mean(real_right)), "whole": float(np.mean(whole)),
        "real_whole": float(np.mean(real_whole)), "exact": exact / moving if moving else None, "psnr": float(np.mean(ours)), "psnr_copy": float(np.mean(copies)),
        "wrong": wrong,
    }))


if __name__ == "__main__":
    main()
