#!/usr/bin/env python3
"""The peer of the loader: webdataset, and cat, over shards of noise with the shapes of ED-VDM's samples.

`make FOLDER` writes shards of 64 samples, the same bytes every time, and keeps what is there. The others read them
once, from the page cache, and print one line of JSON; seconds run from setting up the pipeline to the last sample and
count neither the start of Python nor its imports. Bytes are those of the shards.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import webdataset

SAMPLES = 64
BATCH = 8
FRAMES, SIZE, BLOCK = 16, 128, 16
MEGABYTE = 1 << 20


def noise_sample(key: str, generator: np.random.Generator) -> dict[str, object]:
    """Residuals like those of smooth motion, vectors without order, a blurred picture."""
    residual = generator.normal(0, 6, (FRAMES - 1, SIZE, SIZE, 3)).clip(-255, 255)
    motion = generator.integers(-64, 64, (FRAMES - 1, SIZE // BLOCK, SIZE // BLOCK, 2), dtype=np.int16)
    picture = cv2.GaussianBlur(generator.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8), (9, 9), 3)
    return {
        "__key__": key,
        "residual.npy": residual.astype(np.int16),
        "mv.npy": motion,
        "jpg": cv2.imencode(".jpg", picture)[1].tobytes(),
        "json": {"caption": "noise that moves", "key": key, "motion": 3.2, "score": 0.31},
    }


def make(paths: list[Path]) -> None:
    """Writes the shards that are not there; a shard appears under its name when it is complete."""
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    for shard, path in enumerate(paths):
        if path.is_file():
            continue
        part = path.with_suffix(".tmp")
        generator = np.random.default_rng(shard)
        with webdataset.TarWriter(str(part), mtime=0, user="root", group="root") as writer:
            for index in range(SAMPLES):
                writer.write(noise_sample(f"{shard:06d}_{index:07d}", generator))
        part.rename(path)


def concatenate(paths: list[Path]) -> Iterator[int]:
    """cat of all shards: one step, the samples in them."""
    subprocess.run(["cat", *paths], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    yield len(paths) * SAMPLES


def pipeline(paths: list[Path], name: str) -> Iterable[object]:
    """webdataset's own pipeline: as raw bytes, decoded, or decoded and in batches of 8."""
    data = webdataset.WebDataset([str(path) for path in paths], shardshuffle=False)
    if name != "raw":
        data = data.decode()
    if name == "batched":
        data = data.to_tuple("residual.npy", "mv.npy", "jpg", "json").batched(BATCH, partial=False)
    return data


def counted(paths: list[Path], name: str) -> Iterator[int]:
    """The number of samples of each step of a pipeline."""
    for item in pipeline(paths, name):
        yield len(item[0]) if name == "batched" else 1


def measure(paths: list[Path], name: str) -> dict[str, object]:
    size = sum(path.stat().st_size for path in paths)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.read(MEGABYTE):
                pass
    start = time.perf_counter()
    first, samples = 0.0, 0
    for count in concatenate(paths) if name == "cat" else counted(paths, name):
        first = first or time.perf_counter() - start
        samples += count
    seconds = time.perf_counter() - start
    if samples != len(paths) * SAMPLES:
        raise SystemExit(f"{name}: {samples} samples instead of {len(paths) * SAMPLES}")
    return {
        "name": name,
        "samples": samples,
        "seconds": seconds,
        "samples_per_second": samples / seconds,
        "bytes_per_second": size / seconds,
        "first_ms": first * 1e3,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["make", "cat", "raw", "decode", "batched"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shards", type=int, default=8, metavar="N", help="shards of 64 samples (%(default)s)")
    options = parser.parse_args()
    if options.shards < 1:
        parser.error("--shards takes 1 or more")
    paths = [options.folder / f"clips-{shard:06d}.tar" for shard in range(options.shards)]
    if options.command == "make":
        make(paths)
        return 0
    if missing := [path for path in paths if not path.is_file()]:
        raise SystemExit(f"{missing[0]} is missing: {parser.prog} make {options.folder}")
    print(json.dumps(measure(paths, options.command)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is not installed")
