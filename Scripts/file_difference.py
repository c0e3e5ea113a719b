"""Says where two files differ, by what the files hold: tar members, table rows, tensors, lines, bytes.

What may differ between two runs of one program is listed here, and nowhere else.
"""

import json
import os
import re
import sqlite3
import struct
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

# Measures of the machine.
VARYING_NAMES = rb"samples_per_second|share_of_peak"
# What varies in text: JSON, pages and what is printed.
VARYING_TEXT = [
    (re.compile(rb"pframe \d+\.\d+\.\d+[-\w.]*"), b"pframe VERSION"),
    (re.compile(rb'("(?:' + VARYING_NAMES + rb')" ?: ?)[-+.\de]+'), rb"\1NUMBER"),
    (re.compile(rb"\b[\d,.]+ (frames|clips|samples|[kMG]?B)/s"), rb"NUMBER \1/s"),
    (re.compile(rb"(\bin|,) ([\d.]+ (s|min|h)\b|\d+:\d\d(:\d\d)?)"), rb"\1 TIME"),
    # Lines of progress.
    (re.compile(rb"(?m)^.*\d+/\d+ .*\d %.*\n"), b""),
    # The report of a run.
    (re.compile(rb"<dt>(samples/s|of peak)</dt><dd>[^<]*</dd>"), b""),
    (re.compile(rb"(?m)^<figure .*<code>(" + VARYING_NAMES + rb")</code>.*\n"), b""),
]


def normal(data: bytes, folder: Path) -> bytes:
    """The text without the path of the folder that the program worked in, and without what varies."""
    data = data.replace(str(folder).encode(), b"FOLDER")
    for pattern, name in VARYING_TEXT:
        data = pattern.sub(name, data)
    return data


Item = tuple[str, object]


def line_items(data: bytes) -> Iterator[Item]:
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        yield f"line {number}", line.decode(errors="replace")


def tar_items(data: bytes) -> Iterator[Item]:
    """Header, contents and padding of every member."""
    place = 0
    while place < len(data):
        header = data[place : place + 512]
        name = header[:100].rstrip(b"\0").decode(errors="replace") or "end"
        size = int(header[124:136].strip(b"\0 ") or b"0", 8)
        yield f"header of {name} at byte {place}", header
        stored = (size + 511) // 512 * 512
        yield name, data[place + 512 : place + 512 + stored]
        place += 512 + stored


def safetensors_items(data: bytes) -> Iterator[Item]:
    length = int.from_bytes(data[:8], "little")
    yield "header", data[: 8 + length]
    for name, tensor in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = tensor["data_offsets"]
            yield f"tensor {name}", data[8 + length + start : 8 + length + end]


def sqlite_items(path: Path) -> Iterator[Item]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        schema = connection.execute("SELECT name, type, sql FROM sqlite_master ORDER BY type, name").fetchall()
        for name, kind, sql in schema:
            yield f"{kind} {name}", sql
            if kind == "table":
                rows = connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid')
                columns = [column[0] for column in rows.description]
                for number, row in enumerate(rows):
                    for column, value in zip(columns, row, strict=True):
                        yield f"{name}, row {number}, {column}", value
    finally:
        connection.close()


def messages(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The fields of a protocol buffer: number and value."""
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
            if byte < 128:
                return value

    while place < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(tag & 7) or varint()
        yield tag >> 3, data[place : place + size]
        place += size


def event_items(data: bytes) -> Iterator[Item]:
    """Of TensorBoard's events all but the wall time (field 1) and the values that measure the machine."""
    place = number = 0
    while place < len(data):
        (size,) = struct.unpack_from("<Q", data, place)
        for field, value in messages(data[place + 12 : place + 12 + size]):
            if field == 5:
                for _, entry in messages(value):
                    parts = dict(messages(entry))
                    name = parts[1].decode()
                    if not re.fullmatch(VARYING_NAMES.decode(), name):
                        yield f"event {number}, {name}", parts
            elif field != 1:
                yield f"event {number}, field {field}", value
        place, number = place + 12 + size + 4, number + 1


def items(path: Path, folder: Path) -> Iterator[Item]:
    """What a file holds, with the place of each thing."""
    if path.suffix == ".sqlite":
        return sqlite_items(path)
    data = path.read_bytes()
    if path.suffix == ".tar":
        return tar_items(data)
    if path.suffix == ".safetensors":
        return safetensors_items(data)
    if ".tfevents." in path.name:
        return event_items(data)
    if path.suffix in (".json", ".jsonl", ".csv", ".txt", ".html", ".out", ".err"):
        return line_items(normal(data, folder))
    return iter([("contents", data)])


def names(folder: Path) -> dict[str, Path]:
    """The files below a folder by name; the name of an events file holds the time."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {re.sub(r"(\.tfevents)\.\d+\..*", r"\1", str(path.relative_to(folder))): path for path in files}


def difference(old: Path, old_folder: Path, new: Path, new_folder: Path) -> str | None:
    """Where two files differ first, and in how many places; None where they differ in nothing but what may vary."""
    if old.suffix != ".sqlite" and old.read_bytes() == new.read_bytes():
        return None
    pairs = zip_longest(items(old, old_folder), items(new, new_folder), fillvalue=("nothing", None))
    places = [(before, after) for before, after in pairs if before != after]
    if not places:
        return None
    (name, before), (other, after) = places[0]
    if name != other:
        text = f"{name} before, {other} now"
    elif isinstance(before, bytes | str) and isinstance(after, bytes | str):
        at = len(os.path.commonprefix([before, after]))
        near = slice(max(0, at - 8), at + 12)
        text = f"{name}, at {at}: {before[near]!r} before, {after[near]!r} now"
    else:
        text = f"{name}: {before!r} before, {after!r} now"
    return text + (f" (and {len(places) - 1} places more)" if len(places) > 1 else "")
