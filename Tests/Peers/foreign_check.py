"""Compares the rows and loader files of WebDataset shards with what Python's tarfile finds in them.

    foreign_check.py FOLDER [--energon] [--dali] [--wids]

Exits 1 with what differs. Energon's files need PyYAML; those of wids are read by that package (webdataset 0.2).
"""

import argparse
import glob
import hashlib
import io
import json
import os
import re
import struct
import sys
import tarfile
import tempfile
import types

import clip_set

NAME = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")


def samples(path):
    """The samples of a shard: key, offset of the first header, members with their places and bytes."""
    found = []
    with tarfile.open(path) as archive:
        for member in archive:
            match = member.isreg() and NAME.match(member.name)
            if not match:
                continue
            key, extension = match.groups()
            if not found or found[-1][0] != key:
                found.append((key, member.offset, []))
            found[-1][2].append((extension, member.offset_data, archive.extractfile(member).read(), member.name))
        return found, archive.offset


def check(condition, text):
    if not condition:
        sys.exit(text)


def rows(folder, shard):
    path = f"{folder}/{shard['name']}"
    archive = open(path + ".tar", "rb").read()
    text = open(path + ".jsonl", "rb").read()
    check(hashlib.sha256(archive).hexdigest() == shard["sha256"] and len(archive) == shard["bytes"], "tar digest")
    check(hashlib.sha256(text).hexdigest() == shard["rows_sha256"], "rows digest")
    found = [json.loads(line) for line in text.decode().split("\n") if line]
    wanted, _ = samples(path + ".tar")
    check(len(found) == len(wanted) == shard["samples"], f"{len(found)} rows for {len(wanted)} samples")
    for row, (key, offset, members) in zip(found, wanted):
        check(row["key"] == key and row["offset"] == offset, f"{row['key']} at {row['offset']} for {key} at {offset}")
        places = {name.lower(): [place, len(data)] for name, place, data, _ in members}
        check(row["members"] == places, f"{key}: {row['members']} for {places}")
        last = max(place + length for place, length in places.values())
        check(row["offset"] + row["size"] == (last + 511) // 512 * 512, f"{key}: size")
        check(row["crc32c"] == clip_set.crc32c(archive[offset:offset + row["size"]]), f"{key}: CRC-32C")
        texts = {name: data for name, _, data, _ in members}
        fields = json.loads(texts.get("json", b"{}"))
        caption = texts["txt"].decode().strip() if "txt" in texts else fields.get("caption", fields.get("text", ""))
        if "hash" in fields:
            caption = fields["caption"]
        check(row["caption"] == caption, f"{key}: caption {row['caption']}")
        if "hash" not in fields:
            kept = {name: value for name, value in fields.items()
                    if isinstance(value, (str, int, float)) and name != "caption"}
            check(row["metadata"] == kept, f"{key}: metadata {row['metadata']} for {kept}")


def energon(folder, shards):
    import yaml
    for shard in shards:
        path = f"{folder}/{shard['name']}.tar"
        wanted, end = samples(path)
        data = open(path + ".idx", "rb").read()
        offsets = list(struct.unpack(f"<{len(data) // 8}Q", data))
        check(offsets == [offset for _, offset, _ in wanted] + [end], f"{path}.idx")
    counts = {f"{shard['name']}.tar": shard["samples"] for shard in shards}
    meta = f"{folder}/.nv-meta"
    for text in [json.load(open(meta + "/.info.json")), yaml.safe_load(open(meta + "/.info.yaml"))]:
        check(text == {"shard_counts": counts}, f"info {text}")
    split = yaml.safe_load(open(meta + "/split.yaml"))
    check(split["split_parts"] == {"train": list(counts), "val": [], "test": []} and split["exclude"] == [], "split")
    dataset = yaml.safe_load(open(meta + "/dataset.yaml"))
    check(dataset == {"__module__": "megatron.energon", "__class__": "CrudeWebdataset"}, "dataset.yaml")


def dali(folder, shards):
    for shard in shards:
        wanted, _ = samples(f"{folder}/{shard['name']}.tar")
        lines = open(f"{folder}/{shard['name']}.idx").read().splitlines()
        check(lines[0] == f"v1.2 {len(wanted)}", lines[0])
        for line, (_, _, members) in zip(lines[1:], wanted, strict=True):
            texts = [f"{name.lower()} {place} {len(data)}" for name, place, data, _ in members]
            words = line.split(" ")
            found = [" ".join(words[at:at + 3]) for at in range(0, len(words), 4)]
            check(found == texts, f"{line}\n    for {texts}")
            names = [path.lower() for *_, path in members]
            check([name.lower() for name in words[3::4]] == names, f"{words[3::4]} for {names}")


def wids(folder, shards):
    # The package wants PyTorch for its samplers alone.
    for name in ["torch", "torch.distributed", "torch.utils", "torch.utils.data"]:
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["torch"].distributed = sys.modules["torch.distributed"]
    sys.modules["torch.utils.data"].Sampler = object
    sys.modules["torch.utils.data"].Dataset = list
    import wids as library
    number = 0
    os.environ["WIDS_CACHE"] = tempfile.mkdtemp()
    data = library.ShardListDataset(folder + "/wids.json", transformations=[], keep=True)
    for shard in shards:
        for key, _, members in samples(f"{folder}/{shard['name']}.tar")[0]:
            sample = data[number]
            check(sample["__key__"] == key, f"wids: {sample['__key__']} for {key}")
            for name, _, content, _ in members:
                value = sample["." + name]
                value = value.read() if isinstance(value, io.IOBase) else value
                check(value == content, f"wids: {key}.{name}")
            number += 1
    check(len(data) == number, "wids: length")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    for part in [energon, dali, wids]:
        parser.add_argument("--" + part.__name__, action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder
    shards = json.load(open(f"{folder}/dataset.json"))["shards"]
    check(len(shards) == len(glob.glob(f"{folder}/*.tar")), "shards")
    for shard in shards:
        rows(folder, shard)
    for part in [energon, dali, wids]:
        if getattr(arguments, part.__name__):
            part(folder, shards)
    print(f"{sum(shard['samples'] for shard in shards)} samples")


if __name__ == "__main__":
    main()
