#!/usr/bin/env python3
"""The peer PyAV: every motion vector of a video's first video stream, decoded on one thread.

Writes int32 (N, 11): frame, then source, w, h, src_x, src_y, dst_x, dst_y, motion_x, motion_y, motion_scale.
"""

import argparse

import av
import numpy as np

COLUMNS = ("source", "w", "h", "src_x", "src_y", "dst_x", "dst_y", "motion_x", "motion_y", "motion_scale")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("out", metavar="OUT.npy")
    parser.add_argument("--skip-loop-filter", action="store_true", help="do not deblock: vectors do not need it")
    arguments = parser.parse_args()

    tables: list[np.ndarray] = []
    counts: list[int] = []
    with av.open(arguments.video) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_count = 1
        context.thread_type = "NONE"
        context.options = {"flags2": "+export_mvs"}
        if arguments.skip_loop_filter:
            context.options |= {"skip_loop_filter": "all"}
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                vectors = frame.side_data.get("MOTION_VECTORS")
                counts.append(len(vectors) if vectors else 0)
                if vectors:
                    tables.append(vectors.to_ndarray().copy())

    rows = np.empty((sum(counts), 1 + len(COLUMNS)), np.int32)
    rows[:, 0] = np.repeat(np.arange(len(counts)), counts)
    end = 0
    for table in tables:
        start, end = end, end + len(table)
        for column, name in enumerate(COLUMNS, 1):
            rows[start:end, column] = table[name]
    np.save(arguments.out, rows)


if __name__ == "__main__":
    main()
