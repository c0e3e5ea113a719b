#!/usr/bin/env python3
"""Compares a compact motion.npy with a wide one by numpy alone, column by column; prints the rows and the bytes of each.

Usage: compact_motion.py WIDE COMPACT
"""

import os
import sys

import numpy as np

names = ["frame", "reference", "source", "w", "h", "src_x", "src_y", "dst_x", "dst_y", "motion_x", "motion_y", "motion_scale"]
wide = np.load(sys.argv[1], mmap_mode="r")
compact = np.load(sys.argv[2], mmap_mode="r")
assert isinstance(compact, np.memmap) and compact.shape == (len(wide),), (type(compact), compact.shape)
assert compact.dtype.itemsize <= 20 and compact.dtype.isnative, compact.dtype
for column, name in enumerate(names):
    if name.startswith("src_"):
        axis = name[-1]
        # A quotient without its fraction, as in C.
        whole = np.trunc(compact["motion_" + axis] / compact["motion_scale"]).astype(np.int64)
        values = compact["dst_" + axis] + whole
    else:
        values = compact[name]
    if not np.array_equal(values, wide[:, column]):
        rows = np.flatnonzero(values != wide[:, column])
        sys.exit(f"{name}: {len(rows)} of {len(wide)} rows differ, first {rows[0]}: {values[rows[0]]}, {wide[rows[0]]}")
print(len(wide), os.path.getsize(sys.argv[1]), os.path.getsize(sys.argv[2]))
