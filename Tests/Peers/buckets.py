#!/usr/bin/env python3
"""The rules of buckets in plain Python, which shares no code with PFrame.

usage: buckets.py clips FOLDER SIZES LENGTHS ENLARGE FIT
         the clips that a build of the videos in FOLDER gives, sampled at the videos' own rate and without cuts: a JSON
         line per clip in the order of the shards (all videos in one group), with source, bucket, scale and crop; and a
         line with source and "too small" for each video that gives none
       buckets.py sizes
         reads JSON lines with sizes, enlarge, fit, width and height, and prints the size of each, or "none"
       buckets.py order DATASET SEED EPOCH BATCH BLOCK
         the records of an epoch: "BATCH POSITION KEY" per line; SEED "stored" for the order without shuffling
"""

import json
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

MASK = (1 << 64) - 1


def size_of(width: float, height: float, sizes: list[tuple[int, int]], limit: float, fit: str):
    """The size that a picture gets, its scale and the share that is cut off; None where all enlarge too much."""

    def distance(size):
        return abs(math.log((width / height) / (size[0] / size[1])))

    def scale(size):
        sides = (size[0] / width, size[1] / height)
        return min(sides) if fit == "pad" else max(sides)

    least = min(map(distance, sizes))
    near = [size for size in sizes if distance(size) <= least + math.log(1.05) + 1e-9]
    allowed = [size for size in near if scale(size) <= limit * (1 + 1e-9)]
    if not allowed:
        return None
    # The largest; of equal areas the nearest aspect, equal to nine digits, then the widest.
    best = min(allowed, key=lambda size: (-size[0] * size[1], round(distance(size), 8), -size[0]))
    crop = 0.0
    if fit == "crop":
        (across, down) = (best[0] / width, best[1] / height)
        crop = 1 - min(across, down) / max(across, down)
    return best, scale(best), crop


def parsed(text: str) -> list[tuple[int, int]]:
    return [tuple(int(side) for side in size.split("x")) for size in text.split(",")]


def shown(video: Path) -> tuple[float, float, int]:
    """Width and height of a video as players show it, and its frames."""
    entries = "stream=width,height,sample_aspect_ratio,nb_frames:stream_side_data=rotation:stream_tags=rotate"
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "json", video]
    stream = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"][0]
    ratio = stream.get("sample_aspect_ratio", "1:1")
    aspect = 1.0 if ratio in ("N/A", "0:1") else float(Fraction(ratio.replace(":", "/")))
    width, height = stream["width"] * aspect, float(stream["height"])
    turns = [int(data["rotation"]) for data in stream.get("side_data_list", []) if "rotation" in data]
    if turns and turns[0] % 180 != 0:
        width, height = height, width
    return width, height, int(stream["nb_frames"])


def clips(folder: str, sizes: str, lengths: str, enlarge: str, fit: str) -> None:
    wanted, found = parsed(sizes), []
    for video in sorted(Path(folder).iterdir()):
        width, height, frames = shown(video)
        choice = size_of(width, height, wanted, float(enlarge), fit)
        if choice is None:
            print(json.dumps({"source": video.name, "reject": "too small"}))
            continue
        size, scale, crop = choice
        for length in sorted(map(int, lengths.split(",")), reverse=True):
            while frames >= length:
                frames -= length
                found.append(((*size, length), video.name, scale, crop))
    # Sorted by bucket alone: within one the order of the videos, and of their clips.
    for bucket, source, scale, crop in sorted(found, key=lambda clip: clip[0]):
        bucket = "x".join(map(str, bucket))
        print(json.dumps({"source": source, "bucket": bucket, "scale": scale, "crop": crop}))


def mix(word: int) -> int:
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & MASK
    return word ^ (word >> 31)


class SplitMix64:
    def __init__(self, seed: int, stream: int):
        self.state = mix((mix(seed & MASK) + stream) & MASK)

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return mix(self.state)

    def permuted(self, items: list) -> list:
        items = list(items)
        for last in range(len(items) - 1, 0, -1):
            other = self.next() * (last + 1) >> 64
            items[last], items[other] = items[other], items[last]
        return items


def epoch(shards: list[list[str]], seed: int | None, number: int, block: int) -> list[str]:
    """The keys of an epoch over shards of one bucket."""
    if seed is None:
        return [key for shard in shards for key in shard]
    own = SplitMix64(seed, number).next()
    shuffled = SplitMix64(own, 0).permuted(shards)
    keys: list[str] = []
    for index, first in enumerate(range(0, len(shuffled), block)):
        together = [key for shard in shuffled[first : first + block] for key in shard]
        keys += SplitMix64(own, index + 1).permuted(together)
    return keys


def order(dataset: str, seed_text: str, number: int, batch: int, block: int) -> None:
    description = json.loads((Path(dataset) / "dataset.json").read_text())
    seed = None if seed_text == "stored" else int(seed_text)
    buckets: dict[tuple[int, ...], list[list[str]]] = {}
    for shard in description["shards"]:
        rows = (Path(dataset) / (shard["name"] + ".jsonl")).read_text().splitlines()
        bucket = tuple(int(side) for side in shard["bucket"].split("x"))
        buckets.setdefault(bucket, []).append([json.loads(row)["key"] for row in rows])
    batches = []
    for index, bucket in enumerate(sorted(buckets)):
        keys = epoch(buckets[bucket], None if seed is None else seed + index, number, block)
        batches.append([keys[start : start + batch] for start in range(0, len(keys), batch)])
    labels = [index for index, own in enumerate(batches) for _ in own]
    if seed is not None and len(batches) > 1:
        labels = SplitMix64(SplitMix64(seed, number).next(), MASK).permuted(labels)
    position = 0
    for step, label in enumerate(labels):
        for key in batches[label].pop(0):
            print(step, position, key)
            position += 1


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["clips"]:
        clips(*arguments[1:])
    elif arguments[:1] == ["order"]:
        order(arguments[1], arguments[2], *map(int, arguments[3:]))
    elif arguments == ["sizes"]:
        for line in sys.stdin:
            case = json.loads(line)
            choice = size_of(
                case["width"], case["height"], parsed(case["sizes"]), case["enlarge"] or math.inf, case["fit"])
            print("none" if choice is None else f"{choice[0][0]}x{choice[0][1]}")
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
