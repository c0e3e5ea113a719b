#!/usr/bin/env python3
"""Turn the embeddings of videos that `pframe synth --embeddings` writes into those of a data set's clips.

usage: clip_embeddings.py DATASET EMBEDDINGS OUTPUT

Reads DATASET/clips-*.jsonl (key, source) and EMBEDDINGS/{text,image}.npy, videos.txt; writes OUTPUT/{text,image}.npy,
keys.txt: a row a clip, that of the video it was cut from, in the order of the keys. Needs nothing but Python.
"""

import json
import sys
from pathlib import Path


def rows(path: Path) -> list[bytes]:
    """The rows of a two-dimensional float32 array, each as its bytes."""
    data = path.read_bytes()
    start = 10 + int.from_bytes(data[8:10], "little")
    header = eval(data[10:start], {"__builtins__": {}})
    assert header["descr"] == "<f4" and not header["fortran_order"], header
    count, width = header["shape"]
    assert len(data) == start + 4 * count * width, f"{path} is cut off"
    return [data[start + 4 * width * row : start + 4 * width * (row + 1)] for row in range(count)]


def write(path: Path, chosen: list[bytes]) -> None:
    """Writes rows as a float32 array."""
    shape = (len(chosen), len(chosen[0]) // 4 if chosen else 0)
    header = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (117 - len(header)) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"".join(chosen))


def main(dataset: Path, embeddings: Path, output: Path) -> None:
    """Does what the head of this file says."""
    names = (embeddings / "videos.txt").read_text(encoding="utf-8").splitlines()
    numbers = {name: row for row, name in enumerate(names)}
    clips = [
        (sample["key"], numbers[sample["source"]])
        for shard in sorted(dataset.glob("clips-??????.jsonl"))
        for sample in map(json.loads, shard.read_text(encoding="utf-8").splitlines())
    ]
    output.mkdir(parents=True, exist_ok=True)
    for name in ("text.npy", "image.npy"):
        values = rows(embeddings / name)
        assert len(values) == len(names), f"{name} has {len(values)} rows for {len(names)} videos"
        write(output / name, [values[row] for _, row in clips])
    (output / "keys.txt").write_text("".join(f"{key}\n" for key, _ in clips), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
