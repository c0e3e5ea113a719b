#!/usr/bin/env python3
"""The peer motion-vector-extractor 2.0: every motion vector of a video.

Pictures are neither converted nor returned unless --pictures asks for them, as the package does by default.

Writes int32 (N, 11): frame, then source, w, h, src_x, src_y, dst_x, dst_y, motion_x, motion_y, motion_scale.
It decodes with frame threads, even pinned to one core, and its API has no switch for that: its vectors of streams
with B-frames differ from run to run. It reads the stream that FFmpeg calls the best one, which may not be the first.
"""

import argparse

import numpy as np
from mvextractor.videocap import VideoCap


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("out", metavar="OUT.npy")
    parser.add_argument("--pictures", action="store_true", help="have every picture converted to BGR too: the default")
    arguments = parser.parse_args()

    capture = VideoCap()
    if not capture.open(arguments.video):
        raise SystemExit(f"{arguments.video}: cannot be opened")
    capture.set_decode_frames(arguments.pictures)
    tables = [np.empty((0, 10), np.int32)]
    counts: list[int] = []
    while True:
        success, _, vectors, _ = capture.read()
        if not success:
            break
        counts.append(len(vectors))
        tables.append(vectors)
    capture.release()

    rows = np.empty((sum(counts), 11), np.int32)
    rows[:, 0] = np.repeat(np.arange(len(counts)), counts)
    np.concatenate(tables, out=rows[:, 1:])
    np.save(arguments.out, rows)


if __name__ == "__main__":
    main()
