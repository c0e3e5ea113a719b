#!/usr/bin/env python3
"""Prints what the `safetensors` package reads in a file: a line for the metadata, and one for every tensor.

`name dtype shape sum`, sorted by name: the shape as `[2,3]`, the sum in float64 with Python's digits. Needs numpy and
safetensors; bfloat16 is widened here, because numpy has no such type.
"""

import argparse
import json
import sys

import numpy as np
import safetensors

TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "BOOL": "?",
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", metavar="PATH")
    path = parser.parse_args().path
    with safetensors.safe_open(path, framework="np") as file:
        print(json.dumps(file.metadata() or {}, sort_keys=True))
    with open(path, "rb") as file:
        tensors = safetensors.deserialize(file.read())
    for name, tensor in sorted(tensors):
        values = np.frombuffer(bytes(tensor["data"]), TYPES[tensor["dtype"]])
        if tensor["dtype"] == "BF16":
            values = (values.astype("<u4") << 16).view("<f4")
        shape = ",".join(str(size) for size in tensor["shape"])
        total = float(values.astype(np.float64).sum())
        print(name, tensor["dtype"], f"[{shape}]", total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
