#!/usr/bin/env python3
"""Defines the metrics' values for inputs that both sides make from one integer formula, as fixtures/train/metrics.json.

PSNR and InceptionScore are plain numpy. SSIM is written out in numpy, window by window, and beside it is
scikit-image's. The Fréchet distance comes from scipy.linalg.sqrtm where the covariances have full rank, and always from
the features themselves: with centred rows X and Y, tr (Σ₁ Σ₂)^½ is the sum of the singular values of
X Yᵀ / √((n₁ − 1)(n₂ − 1)), which takes no square root of a rounded eigenvalue.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import scipy.linalg
from numpy.lib.stride_tricks import sliding_window_view
from skimage.metrics import structural_similarity

# Name, frames, width, height, amplitude of the noise, seed.
CLIPS = [
    ("noisy", 4, 40, 32, 8, 1),
    ("destroyed", 3, 64, 48, 200, 2),
    ("one window", 3, 11, 11, 20, 3),
    ("odd", 2, 29, 17, 3, 4),
    ("flat", 3, 23, 19, 0, 5),
]
# Name, dimension, then rows, seed and shift of either side.
FEATURES = [
    ("full rank", 8, (64, 11, 0), (80, 12, 3)),
    ("wide", 32, (300, 13, 0), (200, 14, 1)),
    ("fewer rows than features", 48, (10, 15, 0), (12, 16, 2)),
    ("one side short", 32, (200, 17, 0), (9, 18, 1)),
    ("two rows", 20, (2, 19, 0), (2, 20, 1)),
    ("far", 8, (64, 21, 0), (64, 22, 400)),
]
# Group, then rows and seed of either side; dimension 6.
GROUPS = [("circle", (20, 31), (25, 32)), ("square", (7, 33), (4, 34)), ("star", (3, 35), (1, 36)), ("wave", (5, 37), None)]
GROUP_DIMENSION = 6


def noise(count: int, seed: int) -> np.ndarray:
    """The first values of SplitMix64 (Steele, Lea and Flood, 2014): uint64 (count)."""
    step = np.uint64(0x9E3779B97F4A7C15)
    value = np.uint64(seed) + step * np.arange(1, count + 1, dtype=np.uint64)
    value = (value ^ value >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ value >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return value ^ value >> np.uint64(31)


def clips(frames: int, width: int, height: int, amplitude: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A clip and its reference: uint8 (T, H, W, 3). Amplitude 0 is grey 128 or 129 against white."""
    t, y, x, c = np.indices((frames, height, width, 3))
    random = noise(t.size, seed).reshape(t.shape)
    if amplitude == 0:
        return (128 + (random >> np.uint64(63))).astype(np.uint8), np.full(t.shape, 255, np.uint8)
    wave = (x * (3 + c) + y * (5 - c) + 7 * t) % 510
    reference = np.where(wave > 255, 510 - wave, wave)
    change = ((random >> np.uint64(32)) % np.uint64(2 * amplitude + 1)).astype(int) - amplitude
    return np.clip(reference + change, 0, 255).astype(np.uint8), reference.astype(np.uint8)


def psnr(clip: np.ndarray, reference: np.ndarray) -> float:
    return 10 * math.log10(255**2 / np.mean((clip.astype(float) - reference) ** 2))


def ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Wang et al., 2004, of two pictures uint8 (H, W, 3)."""
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2

    def mean(values: np.ndarray) -> np.ndarray:
        return np.einsum("hwcij,ij->hwc", sliding_window_view(values, (11, 11), (0, 1)), window)

    x, y = x.astype(float), y.astype(float)
    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(likeness / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))))


def scikit_ssim(x: np.ndarray, y: np.ndarray) -> float:
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(structural_similarity(x, y, channel_axis=2, **options))


def features(rows: int, dimension: int, seed: int, shift: int) -> np.ndarray:
    """Correlated features, exact in float32: (rows, dimension)."""
    values = (noise(rows * dimension, seed) >> np.uint64(54)).astype(int).reshape(rows, dimension)
    place = np.arange(dimension)
    mixed = 4 * values + 3 * values[:, (7 * place + 1) % dimension] - 2 * values[:, (3 * place + 2) % dimension]
    return (mixed + 64 * shift * (place % 5)) / 256


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    means = np.sum((x.mean(0) - y.mean(0)) ** 2)
    x, y = ((rows - rows.mean(0)) / math.sqrt(len(rows) - 1) for rows in (x, y))
    return float(means + np.sum(x * x) + np.sum(y * y) - 2 * np.linalg.svd(x @ y.T, compute_uv=False).sum())


def sqrtm_frechet(x: np.ndarray, y: np.ndarray) -> float:
    one, other = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(one @ other).real
    return float(np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(one + other - 2 * root))


def logits(rows: int, classes: int, seed: int) -> np.ndarray:
    return (noise(rows * classes, seed) >> np.uint64(56)).astype(float).reshape(rows, classes) / 32 - 4


def inception(values: np.ndarray, splits: int) -> tuple[float, float]:
    """The mean and standard deviation of exp(mean KL) over consecutive splits, of logits."""
    scores = []
    for part in range(splits):
        rows = values[part * len(values) // splits : (part + 1) * len(values) // splits]
        given = scipy.special.softmax(rows, axis=1)
        scores.append(np.exp(np.mean(np.sum(given * (np.log(given) - np.log(given.mean(0))), 1))))
    return float(np.mean(scores)), float(np.std(scores))


def motion(fields: int, rows: int, columns: int, seed: int, drift: int) -> np.ndarray:
    """Quarter-pel vectors of which about half are zero: int16 (fields, rows, columns, 2)."""
    shape = (fields, rows, columns, 2)
    random = noise(math.prod(shape), seed).reshape(shape)
    still = (random[..., :1] >> np.uint64(63)) == 0
    values = ((random >> np.uint64(8)) % np.uint64(49)).astype(int) - 24
    values += drift * np.arange(fields).reshape(-1, 1, 1, 1)
    return np.where(still, 0, values).astype(np.int16)


def motion_features(vectors: np.ndarray, cell: int) -> list[float]:
    """The table in MotionStatisticsFeatures.swift."""
    vectors = vectors / 4
    length = np.hypot(vectors[..., 0], vectors[..., 1])
    moves = length >= 1
    moving = vectors[moves]
    angle = np.arctan2(moving[:, 1], moving[:, 0])
    direction = np.rint(angle / (math.pi / 4)).astype(int) % 8
    bins = np.bincount(direction, weights=length[moves], minlength=8) / length.size
    means = vectors.mean((1, 2))
    change = np.abs(np.diff(means, axis=0)).mean(0) if len(means) > 1 else np.zeros(2)

    def centroid(field: np.ndarray) -> np.ndarray:
        if not field.any():
            return np.array(field.shape)[::-1] * cell / 2
        y, x = np.nonzero(field)
        return (np.array([x.mean(), y.mean()]) + 0.5) * cell

    parts = [
        moving.mean(0) if len(moving) else np.zeros(2),
        moving.std(0) if len(moving) else np.zeros(2),
        [length.mean(), moves.mean()],
        bins,
        change,
        centroid(moves[0]),
        centroid(moves[-1]),
    ]
    return [float(value) for part in parts for value in part]


def expected() -> dict:
    result: dict = {"clips": [], "frechet": [], "inception": [], "motion": []}
    for name, *shape in CLIPS:
        clip, reference = clips(*shape)
        pairs = list(zip(clip[1:], reference[1:]))
        result["clips"].append(
            dict(zip(["name", "frames", "width", "height", "amplitude", "seed"], [name, *shape]))
            | {"psnr": psnr(clip[1:], reference[1:]), "framePSNR": [psnr(*pair) for pair in pairs]}
            | {"ssim": [ssim(*pair) for pair in pairs], "scikitSSIM": [scikit_ssim(*pair) for pair in pairs]}
        )
    for name, dimension, *sides in FEATURES:
        x, y = (features(rows, dimension, seed, shift) for rows, seed, shift in sides)
        full = min(len(x), len(y)) > dimension
        result["frechet"].append(
            {"name": name, "dimension": dimension, "real": sides[0], "generated": sides[1], "distance": frechet(x, y)}
            | ({"sqrtm": sqrtm_frechet(x, y)} if full else {})
        )
    x = features(64, 8, 11, 0)
    result["statistics"] = {"mean": x.mean(0).tolist(), "covariance": np.cov(x, rowvar=False).ravel().tolist()}
    groups, sizes = {}, []
    for name, *sides in GROUPS:
        sizes.append({"name": name, "real": sides[0], "generated": sides[1]})
        x, y = (features(*side[:1], GROUP_DIMENSION, side[1], 0) if side else [] for side in sides)
        if min(len(x), len(y)) >= 2:
            groups[name] = frechet(x, y)
    result["groups"] = {"dimension": GROUP_DIMENSION, "sides": sizes, "distances": groups}
    result["groups"]["mean"] = float(np.mean(list(groups.values())))
    for rows, classes, splits, seed in [(60, 7, 1, 41), (60, 7, 10, 42), (31, 5, 4, 43)]:
        mean, deviation = inception(logits(rows, classes, seed), splits)
        case = {"rows": rows, "classes": classes, "splits": splits, "seed": seed}
        result["inception"].append(case | {"mean": mean, "deviation": deviation})
    for fields, rows, columns, seed, drift in [(15, 8, 8, 51, 2), (1, 3, 5, 52, 0), (4, 2, 7, 53, -5)]:
        one, other = motion(fields, rows, columns, seed, drift), motion(fields, rows, columns, seed + 100, 0)
        difference = one.astype(float) - other
        errors = np.hypot(difference[..., 0], difference[..., 1]) / 4
        case = {"fields": fields, "rows": rows, "columns": columns, "seed": seed, "drift": drift}
        case |= {"error": float(errors.mean()), "fieldErrors": errors.mean((1, 2)).tolist()}
        result["motion"].append(case | {"features": motion_features(one, 16)})
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default="fixtures/train/metrics.json", metavar="OUT.json")
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(expected(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
