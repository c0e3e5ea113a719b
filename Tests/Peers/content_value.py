#!/usr/bin/env python3
"""Defines the content value of every frame of a video, as PySceneDetect's ContentDetector has it, from its arithmetic.

FFmpeg converts (PyAV on one thread, libswscale's bicubic default to BGR24), numpy does the rest: pictures are turned for
display, shrunk as cv2.resize does with INTER_LINEAR, brought to HSV as cv2.cvtColor does for bytes, and compared with
the picture before. Prints one CSV row a video and rule: name, rule, frames, values with four decimals. A frame whose
size differs from that of the one before has no value; PFrame gives 229.6667 there. With --check it also runs scenedetect
itself (OpenCV decodes) and exits with 1 where the two differ by more than 0.01.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np

INCOMPARABLE = (179 + 255 + 255) / 3
TOLERANCE = 0.01


def pictures(path: str) -> Iterator[np.ndarray]:
    """Every picture that decodes, as displayed: uint8 (H, W, 3), blue first."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        packets = (packet for packet in container.demux(stream) if packet.size)
        for packet in chain(packets, [None]):
            try:
                frames = stream.codec_context.decode(packet)
            except av.FFmpegError:
                continue
            for frame in frames:
                pixels = frame.reformat(format="bgr24", interpolation="BICUBIC").to_ndarray()
                yield np.rot90(pixels, round(getattr(frame, "rotation", 0) / 90) % 4)


def shrunk_size(height: int, width: int, rule: str) -> tuple[int, int]:
    """Height and width at which pictures are compared."""
    factor = {"0.6": width // 256, "0.7": max(width, height) / 256, "none": 1}[rule]
    return tuple(max(1, round(side / factor)) for side in (height, width)) if factor > 1 else (height, width)


def taps(length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Of every output sample the indices of its two inputs and their weights in 1/2048: int (count, 2) each."""
    places = ((np.arange(count) + 0.5) * (length / count) - 0.5).astype(np.float32)
    indices = np.floor(places).astype(int)
    fractions = places - indices.astype(np.float32)
    outside = (indices < 0) | (indices >= length - 1)
    fractions[outside] = 0
    indices = indices.clip(0, length - 1)
    weights = np.stack([1 - fractions, fractions], 1) * np.float32(2048)
    return np.stack([indices, (indices + 1).clip(0, length - 1)], 1), np.rint(weights).astype(np.int64)


def shrunk(picture: np.ndarray, rule: str) -> np.ndarray:
    """The picture at the size of the rule: rows are interpolated first and kept to 1/128, then columns, each tap cut off."""
    height, width = shrunk_size(*picture.shape[:2], rule)
    if (height, width) == picture.shape[:2]:
        return picture
    (xs, across), (ys, down) = taps(picture.shape[1], width), taps(picture.shape[0], height)
    wide = picture.astype(np.int64)
    lines = sum(wide[:, xs[:, tap]] * across[:, tap, None] for tap in (0, 1)) // 16
    result = sum(lines[ys[:, tap]] * down[:, tap, None, None] // 65536 for tap in (0, 1))
    return ((result + 2) // 4).astype(np.uint8)


def hsv(picture: np.ndarray) -> np.ndarray:
    """Hue 0...179, saturation and value 0...255, by reciprocals in 1/4096: int64 (3, H, W)."""
    blue, green, red = np.moveaxis(picture.astype(np.int64), 2, 0)
    value = picture.max(2).astype(np.int64)
    spread = value - picture.min(2)
    numbers = np.arange(1, 256)
    by_value = np.concatenate([[0], np.rint(255 * 4096 / numbers)]).astype(np.int64)
    by_spread = np.concatenate([[0], np.rint(180 * 4096 / (6 * numbers))]).astype(np.int64)
    sextant = np.select(
        [value == red, value == green], [green - blue, blue - red + 2 * spread], red - green + 4 * spread
    )
    hue = (sextant * by_spread[spread] + 2048) // 4096
    return np.stack([hue + 180 * (hue < 0), (spread * by_value[value] + 2048) // 4096, value])


def content_values(path: str, rule: str) -> list[float]:
    """The value of every frame, 0 for the first."""
    values, before = [], None
    for picture in pictures(path):
        now = hsv(shrunk(picture, rule))
        if before is None:
            values.append(0.0)
        elif before.shape != now.shape:
            values.append(INCOMPARABLE)
        else:
            values.append(float(np.abs(now - before).mean(axis=(1, 2)).mean()))
        before = now
    return values


def scenedetect_values(path: str, rule: str) -> list[float]:
    """What scenedetect itself gives, frames in order."""
    import scenedetect

    video = scenedetect.open_video(path)
    stats = scenedetect.StatsManager()
    manager = scenedetect.SceneManager(stats_manager=stats)
    manager.add_detector(scenedetect.ContentDetector())
    if rule != "0.7":
        manager.auto_downscale = False
        manager.downscale = max(1, video.frame_size[0] // 256) if rule == "0.6" else 1
    manager.detect_scenes(video)
    rows = [(key.frame_num, row) for key, row in stats._frame_metrics.items()]
    return [0.0] + [row["content_val"] for _, row in sorted(rows) if "content_val" in row]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    parser.add_argument("--rule", action="append", choices=("0.6", "0.7", "none"), help="default: 0.6 and 0.7")
    parser.add_argument("--check", action="store_true", help="compare with scenedetect; print the largest difference")
    arguments = parser.parse_args()
    failed = False
    for video in arguments.videos:
        for rule in arguments.rule or ("0.6", "0.7"):
            values = content_values(video, rule)
            print(f"{Path(video).name},{rule},{len(values)}," + " ".join(f"{value:.4f}" for value in values), flush=True)
            if arguments.check:
                official = scenedetect_values(video, rule)
                common = min(len(values), len(official))
                largest = max((abs(a - b) for a, b in zip(values, official)), default=0)
                failed |= largest > TOLERANCE or common < len(values)
                print(f"{video} {rule}: {len(official)} frames, largest {largest:.6f}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
