"""Compares index.sqlite with what Python's sqlite3 and json make of the files that it is derived from.

    index_check.py FOLDER

Near duplicates are found by comparing all pairs. Prints what differs and exits 1, or `N clips, M duplicates`.
"""

import glob
import json
import math
import os
import sqlite3
import sys

FIXED = ["key", "shard", "number", "caption", "source", "start", "end", "hash", "duplicate_of"]
BUILT = ["motion_content", "motion_content_max", "motion_vector", "motion_vector_moving", "motion_vector_global",
         "motion_difference"]


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().split("\n") if line]


def clips(folder):
    """The rows of all shards with the scores of side files."""
    with open(f"{folder}/dataset.json") as file:
        shards = [shard["name"] for shard in json.load(file)["shards"]]
    result = []
    for shard in shards:
        extra = {}
        for path in sorted(glob.glob(f"{glob.escape(folder)}/{glob.escape(shard)}.*.jsonl")):
            if os.path.basename(path)[:-6] not in shards:
                for line in lines(path):
                    extra.setdefault(line.pop("key"), {}).update(line)
        for row in lines(f"{folder}/{shard}.jsonl"):
            row["scores"].update(extra.get(row["key"], {}))
            result.append(dict(row, shard=shard))
    return result


def duplicates(rows):
    """The key that each row duplicates: an earlier one within four bits, no duplicate itself if there is such."""
    hashes = [int(row["hash"], 16) for row in rows]
    found = []
    for place, value in enumerate(hashes):
        near = [other for other in range(place) if value and hashes[other] and (value ^ hashes[other]).bit_count() <= 4]
        originals = [other for other in near if found[other] is None]
        found.append((originals or near or [None])[0])
    return [None if other is None else rows[other]["key"] for other in found]


def column_type(values):
    values = [value for value in values if value is not None]
    if not values or any(isinstance(value, (str, list, dict)) for value in values):
        return "TEXT"
    return "REAL" if any(isinstance(value, float) for value in values) else "INTEGER"


def stored(value, kind):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, dict)):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, bool):
        return str(int(value)) if kind == "TEXT" else int(value)
    return json.dumps(value) if kind == "TEXT" else float(value) if kind == "REAL" else value


def expected(rows):
    """Column names with kinds and types, and the rows as tuples."""
    scores = {name for row in rows for name in row["scores"]}
    metadata = {name for row in rows for name in row["metadata"]}
    order = [name for name in BUILT if name in scores] + sorted(scores - set(BUILT))
    columns, taken = [], {name.lower() for name in FIXED}
    for origin, kind in [(name, "score") for name in order] + [(name, "metadata") for name in sorted(metadata)]:
        name = origin or "_"
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        type_ = "REAL" if kind == "score" else column_type([row["metadata"].get(origin) for row in rows])
        columns.append((name, origin, kind, type_))
    links, result = duplicates(rows), []
    for number, row in enumerate(rows):
        seconds = row["seconds"] or [None]
        values = [row["key"], row["shard"], number, row["caption"], row["source"], seconds[0], seconds[-1],
                  row["hash"] if int(row["hash"], 16) else None, links[number]]
        for _, origin, kind, type_ in columns:
            if kind == "score":
                value = row["scores"].get(origin)
                values.append(None if value is None or not math.isfinite(value) else float(value))
            else:
                values.append(stored(row["metadata"].get(origin), type_))
        result.append(tuple(values))
    return columns, result


def main():
    folder = sys.argv[1]
    database = sqlite3.connect(f"file:{folder}/index.sqlite?mode=ro", uri=True)
    columns, rows = expected(clips(folder))
    problems = []
    if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        problems.append("integrity_check fails")
    info = [(name, type_) for _, name, type_, *_ in database.execute("PRAGMA table_info(clips)")]
    if [name for name, _ in info] != FIXED + [column[0] for column in columns]:
        problems.append(f"columns {[name for name, _ in info]}")
    if [type_ for _, type_ in info[len(FIXED):]] != [column[3] for column in columns]:
        problems.append(f"types {info[len(FIXED):]}")
    if database.execute("SELECT * FROM columns").fetchall() != [(column[0], column[2]) for column in columns]:
        problems.append("table columns")
    found = database.execute("SELECT * FROM clips ORDER BY number").fetchall()
    if len(found) != len(rows):
        problems.append(f"{len(found)} rows for {len(rows)}")
    for one, other in zip(found, rows):
        if one != other or list(map(type, one)) != list(map(type, other)):
            problems.append(f"{one}\n    for {other}")
    rejects = f"{folder}/rejects.jsonl"
    wanted = [(row["video"], row["kind"], row["reason"], row["clips"]) for row in lines(rejects)] \
        if os.path.exists(rejects) else []
    if database.execute("SELECT * FROM rejects").fetchall() != wanted:
        problems.append("rejects")
    if problems:
        sys.exit("\n".join(problems[:5]))
    print(f"{len(rows)} clips, {sum(row[8] is not None for row in rows)} duplicates")


if __name__ == "__main__":
    main()
