#!/usr/bin/env python3
"""Compares the records of two data sets, member by member: all but `source`, the name of the video, must be equal.

Usage: same_records.py SET SET. Prints the number of records, then the sources of the second set; exit status 1 with the
first difference.
"""

import json
import sys
import tarfile
from pathlib import Path


def members(folder: str) -> dict[str, bytes]:
    found = {}
    for shard in sorted(Path(folder).glob("*.tar")):
        with tarfile.open(shard) as archive:
            for member in archive:
                found[member.name] = archive.extractfile(member).read()
    return found


one, other = members(sys.argv[1]), members(sys.argv[2])
if not one or one.keys() != other.keys():
    sys.exit(f"other members: {sorted(one.keys() ^ other.keys())[:9]} of {len(one)}")
sources = []
for name in one:
    if name.endswith(".json"):
        first, second = json.loads(one[name]), json.loads(other[name])
        sources.append(second.pop("source"))
        first.pop("source")
        if first != second:
            sys.exit(f"{name}: {first} and {second}")
    elif one[name] != other[name]:
        sys.exit(f"{name}: other bytes")
print(len(sources))
for source in sorted(set(sources)):
    print(source)
