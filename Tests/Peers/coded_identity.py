#!/usr/bin/env python3
"""Checks an extraction with the coded residual by numpy: prediction + residual is what libavcodec decodes.

Reads motion.npy, indices.npy, weights.csv, coded_residual.mkv and coded_outliers.npy, and nothing of the stream itself.
Pictures come from libavcodec without its loop filter, which then predicts from unfiltered pictures: for every block of
an inter macroblock, clip(prediction + coded residual) is the picture, in all three planes (ITU-T H.264, 8.4.2 and
8.5.14). Prints how many blocks were compared, how many of them have weights, and how many have 4 pixels or fewer on a
side; the exit status is 1 where a block differs.

Usage: coded_identity.py VIDEO FOLDER [FRAMES]
"""

import csv
import sys
from collections import defaultdict
from itertools import islice
from pathlib import Path

import av
import numpy as np

from h264_prediction import predict, quarter_planes


def planes_of(frame: av.VideoFrame, dtype: type) -> list[np.ndarray]:
    """Copies of the three planes of a 4:2:0 picture."""
    planes = []
    for index, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
        planes.append(rows[:, : plane.width].copy())
    return planes


def pictures(path: str, count: int, options: dict[str, str], dtype: type) -> list[list[np.ndarray]]:
    """The planes of the first pictures of a video."""
    with av.open(path) as container:
        context = container.streams.video[0].codec_context
        context.thread_count = 1
        context.options = options
        return [planes_of(frame, dtype) for frame in islice(container.decode(video=0), count)]


def chroma(plane: np.ndarray, x: int, y: int, vector: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """8.4.2.2.2: bilinear in eighths of a chroma sample."""
    w, h = size
    (dx, dy), (fx, fy) = vector >> 3, vector & 7
    columns = np.clip(x + dx + np.arange(w + 1), 0, plane.shape[1] - 1)
    rows = np.clip(y + dy + np.arange(h + 1), 0, plane.shape[0] - 1)
    p = plane[np.ix_(rows, columns)].astype(np.int32)
    top = (8 - fx) * p[:-1, :-1] + fx * p[:-1, 1:]
    bottom = (8 - fx) * p[1:, :-1] + fx * p[1:, 1:]
    return (8 - fy) * top + fy * bottom + 32 >> 6


Weights = dict[tuple[int, int, int, int], list[list[int]]]


def read_weights(path: Path) -> Weights:
    """By frame, slice and both indices (-1: none): shift, weights and offsets of each plane."""
    weights: Weights = {}
    for row in csv.DictReader(path.open()):
        key = (int(row["frame"]), int(row["slice"]), int(row["index0"] or -1), int(row["index1"] or -1))
        names = ("shift", "weight0", "weight1", "offset0", "offset1")
        weights.setdefault(key, []).append([int(row[name] or 0) for name in names])
    return weights


def blend(values: list[np.ndarray | None], weights: Weights, key: tuple[int, int, int, int], plane: int) -> np.ndarray:
    """8.4.2.3 of the predictions in list 0 and list 1."""
    first, second = values
    frame, number, one, two = key
    found = weights.get(key)
    if found is None and first is not None and second is not None and (frame, number, one, -1) in weights:
        a, b = weights[frame, number, one, -1][plane], weights[frame, number, -1, two][plane]
        found = [[a[0], a[1], b[2], a[3], b[4]]] * 3
    if found is None:
        if first is not None and second is not None:
            return first + second + 1 >> 1
        return first if first is not None else second
    shift, w0, w1, o0, o1 = found[plane]
    if first is not None and second is not None:
        value = (first * w0 + second * w1 + (1 << shift) >> shift + 1) + (o0 + o1 + 1 >> 1)
    else:
        value, w, o = (first, w0, o0) if first is not None else (second, w1, o1)
        value = ((value * w + (1 << shift - 1) >> shift) if shift else value * w) + o
    return np.clip(value, 0, 255)


def main() -> int:
    video, folder = sys.argv[1], Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 10**9
    motion, indices = np.load(folder / "motion.npy"), np.load(folder / "indices.npy")
    assert indices.shape == (len(motion), 2) and indices.dtype == np.int16, (indices.shape, indices.dtype)
    weights = read_weights(folder / "weights.csv")
    decoded = pictures(video, count, {"skip_loop_filter": "all", "apply_cropping": "0"}, np.uint8)
    stored = pictures(str(folder / "coded_residual.mkv"), count, {}, np.uint16)
    residual = [[plane.astype(np.int32) - 512 for plane in picture] for picture in stored]
    for frame, plane, y, x, value in np.load(folder / "coded_outliers.npy"):
        if frame < len(residual):
            assert residual[frame][plane][y, x] in (-512, 511), "an outlier is stored as the nearest value"
            residual[frame][plane][y, x] = value
    assert len(decoded) == len(residual) > 0, (len(decoded), len(residual))
    blocks: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
    for row, (frame, _, source, w, h, _, _, x, y, *_) in enumerate(motion.tolist()):
        if frame < len(decoded):
            blocks[frame, x - w // 2, y - h // 2, w, h][0 if source < 0 else 1] = row
    luma: dict[int, np.ndarray] = {}
    compared = wrong = weighted = small = 0
    for (frame, x, y, w, h), rows in blocks.items():
        key = (frame, int(indices[next(iter(rows.values()))][0]), *(
            int(indices[rows[k]][1]) if k in rows else -1 for k in range(2)
        ))
        if any(not 0 <= motion[row, 1] < len(decoded) for row in rows.values()):
            continue
        is_right = True
        for plane in range(3):
            shift = min(plane, 1)
            values: list[np.ndarray | None] = [None, None]
            for k, row in rows.items():
                reference, vector = int(motion[row, 1]), motion[row, 9:11].astype(np.int64)
                size = (w >> shift, h >> shift)
                if plane:
                    values[k] = chroma(decoded[reference][plane], x >> 1, y >> 1, vector, size)
                    continue
                if reference not in luma:
                    luma[reference] = quarter_planes(decoded[reference][0])
                values[k] = predict(luma[reference], np.array([[x, y]]), vector[None], size)[0].astype(np.int32)
            place = np.s_[y >> shift : y + h >> shift, x >> shift : x + w >> shift]
            out = np.clip(blend(values, weights, key, plane) + residual[frame][plane][place], 0, 255)
            is_right = is_right and np.array_equal(out, decoded[frame][plane][place])
        compared += 1
        wrong += not is_right
        weighted += any((*key[:2], *pair) in weights for pair in (key[2:], (key[2], -1), (-1, key[3])))
        small += min(w, h) <= 4
        if not is_right and wrong < 4:
            print(f"frame {frame}: the block {w}x{h} at ({x}, {y}) differs", file=sys.stderr)
    print(compared, weighted, small)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
