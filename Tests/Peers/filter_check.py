"""Filters a data set again in Python and compares that with what `pframe filter` wrote.

    filter_check.py SOURCE FILTERED RULES

RULES is JSON: {"motion": [low, high], "score": [[name, low, high]], "where": SQL, "duplicates": true,
"top": [N, column]}, ends null where open. Exits 1 with what differs, or prints how many clips are kept.
"""

import hashlib
import json
import os
import sqlite3
import sys

import clip_set
import index_check


def check(condition, text):
    if not condition:
        sys.exit(text)


def kept(source, rules):
    """The clips that stay, and for each other one its rule with the value, in the order of the set."""
    database = sqlite3.connect(f"file:{source}/index.sqlite?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    rows = [dict(row) for row in database.execute("SELECT * FROM clips ORDER BY number")]
    dropped, steps = {}, []

    def apply(name, doomed):
        alive = [row for row in rows if row["key"] not in dropped]
        for row, value in doomed(alive):
            dropped[row["key"]] = (name, value)
        steps.append((name, len(rows) - len(dropped), len(alive) - (len(rows) - len(dropped))))

    def within(column, low, high):
        def doomed(alive):
            for row in alive:
                value = row[column]
                if value is None or not (low is None or value >= low) or not (high is None or value <= high):
                    yield row, value
        return doomed

    def duplicates(alive):
        group = {}
        for row in rows:
            group[row["key"]] = group[row["duplicate_of"]] if row["duplicate_of"] else row["key"]
        first = {}
        for row in alive:
            survivor = first.setdefault(group[row["key"]], row["key"])
            if survivor != row["key"]:
                yield row, survivor

    def top(count, column):
        def doomed(alive):
            ranked = sorted((row for row in alive if row[column] is not None), key=lambda row: row["key"])
            ranked.sort(key=lambda row: row[column], reverse=True)
            stays = {row["key"] for row in ranked[:count]}
            return [(row, row[column]) for row in alive if row["key"] not in stays]
        return doomed

    if "motion" in rules:
        apply("motion", within("motion_content", *rules["motion"]))
    for column, low, high in rules.get("score", []):
        apply("score", within(column, low, high))
    if "where" in rules:
        meets = {row[0] for row in database.execute(f"SELECT key FROM clips WHERE {rules['where']}")}
        apply("where", lambda alive: [(row, None) for row in alive if row["key"] not in meets])
    if rules.get("duplicates"):
        apply("duplicates", duplicates)
    if "top" in rules:
        apply("top", top(*rules["top"]))
    return rows, dropped, steps


def read(folder):
    with open(f"{folder}/dataset.json") as file:
        description = json.load(file)
    samples = {}
    for shard in description["shards"]:
        with open(f"{folder}/{shard['name']}.tar", "rb") as file:
            archive = file.read()
        with open(f"{folder}/{shard['name']}.jsonl", "rb") as file:
            text = file.read()
        check(hashlib.sha256(archive).hexdigest() == shard["sha256"], f"digest of {shard['name']}.tar")
        check(hashlib.sha256(text).hexdigest() == shard["rows_sha256"], f"digest of {shard['name']}.jsonl")
        end = 0
        for row in index_check.lines(f"{folder}/{shard['name']}.jsonl"):
            record = archive[row["offset"]:row["offset"] + row["size"]]
            check(clip_set.crc32c(record) == row["crc32c"], f"CRC-32C of {row['key']}")
            members = {name: [place - row["offset"], size] for name, (place, size) in row["members"].items()}
            facts = {name: row[name] for name in ["caption", "source", "seconds", "hash", "scores", "metadata"]}
            samples[row["key"]] = (shard["name"], record, members, facts)
            check(row["offset"] == end or row["offset"] - end < 2048, f"{row['key']}: a gap")
            end = row["offset"] + row["size"]
        check(len(text.splitlines()) >= shard["samples"] and len(archive) == shard["bytes"], "counts")
    return description, samples


def main():
    source, filtered, rules = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    rows, dropped, steps = kept(source, rules)
    before, samples = read(source)
    after, copies = read(filtered)
    check(list(copies) == [row["key"] for row in rows if row["key"] not in dropped], "other clips are kept")
    for key, copy in copies.items():
        check(copy == samples[key], f"{key} is not what it was")
    check(all(shard["samples"] for shard in after["shards"]), "an empty shard")
    options = dict(after["options"])
    found = options.pop("filter")
    check(options == before["options"] and found["source"] == source, f"options {options}")
    with open(f"{filtered}/filter.json") as file:
        summary = json.load(file)
    check(summary["rules"] == found["rules"], "rules")
    counts = [(rule["rule"], rule["kept"], rule["dropped"]) for rule in summary["rules"]]
    check(counts == steps, f"{counts} for {steps}")
    check((summary["kept"], summary["dropped"]) == (len(copies), len(dropped)), "totals")
    lines = index_check.lines(f"{filtered}/dropped.jsonl")
    check([line["key"] for line in lines] == [row["key"] for row in rows if row["key"] in dropped], "dropped keys")
    facts = {row["key"]: row for row in rows}
    for line in lines:
        rule, value = dropped[line["key"]]
        check((line["rule"], line["value"]) == (rule, value), f"{line} for {rule}, {value}")
        check(value is not None or rule == "where" or line["reason"].startswith("no "), f"{line}")
        for name in ["caption", "source", "motion_content", "motion_difference"]:
            check(line[name] == facts[line["key"]][name], f"{name} of {line}")
    for name in ["rejects.jsonl"]:
        if os.path.exists(f"{source}/{name}"):
            with open(f"{source}/{name}", "rb") as one, open(f"{filtered}/{name}", "rb") as other:
                check(one.read() == other.read(), name)
    print(f"{len(copies)} kept")


if __name__ == "__main__":
    main()
