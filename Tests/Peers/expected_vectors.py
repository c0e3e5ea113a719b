#!/usr/bin/env python3
"""Defines the motion vectors of a video: what PyAV exports on one thread, row for row.

Writes int32 (N, 11): frame (0-based index of the delivered frame), then source, w, h, src_x, src_y, dst_x, dst_y,
motion_x, motion_y, motion_scale; rows in output order, then export order. With --check it compares these rows with
PFrame's motion.npy, int32 (N, 12), whose second column (reference) is PFrame's own.
"""

import argparse
import sys

import numpy as np

from decoding import COLUMNS, decode


def expected(path: str, stream: int | None) -> np.ndarray:
    """The vectors of every delivered frame: int32 (N, 11)."""
    rows = [np.empty((0, 1 + len(COLUMNS)), np.int32)]
    for picture in decode(path, stream, luma=False):
        rows.append(np.insert(picture.vectors, 0, picture.index, axis=1))
    return np.concatenate(rows)


def difference(found: np.ndarray, wanted: np.ndarray) -> str | None:
    """Where the rows of a motion.npy first differ from the expected ones, in words."""
    if found.dtype != np.int32 or found.ndim != 2 or found.shape[1] != 2 + len(COLUMNS):
        return f"expected int32 (N, 12), found {found.dtype} {found.shape}"
    found = np.delete(found, 1, axis=1)
    common = min(len(found), len(wanted))
    rows = np.flatnonzero((found[:common] != wanted[:common]).any(axis=1))
    if len(rows):
        row = rows[0]
        return (
            f"row {row}: expected {wanted[row].tolist()}, found {found[row].tolist()}; {len(rows)} of {common} differ"
        )
    if len(found) != len(wanted):
        last = (wanted if len(wanted) > common else found)[common]
        verb = "missing" if len(wanted) > common else "unexpected"
        return f"row {common}: {verb} {last.tolist()}; expected {len(wanted)} rows, found {len(found)}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("out", nargs="?", metavar="OUT.npy", help="where to write the vectors")
    parser.add_argument("--stream", type=int, metavar="N", help="stream number in the container; default: first video")
    parser.add_argument("--check", metavar="MOTION.npy", help="compare with PFrame's; exit 1 where they differ")
    arguments = parser.parse_args()
    if not arguments.out and not arguments.check:
        parser.error("give OUT.npy, --check MOTION.npy, or both")

    vectors = expected(arguments.video, arguments.stream)
    if arguments.out:
        np.save(arguments.out, vectors)
    if not arguments.check:
        return 0
    fault = difference(np.load(arguments.check), vectors)
    print(f"{arguments.check}: {fault or f'{len(vectors)} rows equal'}")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
