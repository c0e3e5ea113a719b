"""Data sets as PFrame lays them out, written by Python alone: what `pframe build` would leave, without building.

    clip_set.py FOLDER [--shards N] [--samples M] [--seed S] [--parts] [--foreign]

Keys, headers, rows, checksums and dataset.json follow the layout's description; nothing here comes from PFrame. With
--parts there are receipts in .shards in place of dataset.json; with --foreign only archives as other tools write them.
"""

import argparse
import hashlib
import io
import json
import os
import random
import struct
import tarfile

BUILT = ["motion_content", "motion_content_max", "motion_vector", "motion_vector_moving", "motion_vector_global",
         "motion_difference"]
WORDS = ["a red circle", "ein blauer Würfel", "猫が跳ぶ", 'say "hi"\nthere', "naïve — dash", "\u2028 line"]

TABLE = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    TABLE.append(value)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def dump(value):
    """JSON as PFrame writes it: sorted, no spaces, UTF-8, control characters escaped."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for scalar in [*range(0x7F, 0xA0), 0x2028, 0x2029]:
        text = text.replace(chr(scalar), f"\\u{scalar:04x}")
    return text


def header(name, size):
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o444
    return info.tobuf(tarfile.USTAR_FORMAT)


def npy(random_, shape):
    count = 1
    for dimension in shape:
        count *= dimension
    text = "{'descr': '|u1', 'fortran_order': False, 'shape': (%s,), }" % ", ".join(map(str, shape))
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + random_.randbytes(count)


def columns(random_, number, hashes):
    """The columns of a clip; some scores are missing, some hashes near earlier ones."""
    scores = {name: random_.choice([random_.uniform(0, 25), float(random_.randint(0, 25))]) for name in BUILT}
    if number % 11 == 3:
        scores["motion_content"] = None
    if hashes and random_.random() < 0.25:
        value = random_.choice(hashes)
        for bit in random_.sample(range(64), random_.randint(0, 6)):
            value ^= 1 << bit
    else:
        value = 0 if random_.random() < 0.1 else random_.getrandbits(64)
    if value:
        hashes.append(value)
    seconds = [] if number % 13 == 5 else [number / 8 + frame / 8 for frame in range(4)]
    metadata = {"label": random_.randint(0, 5), "weight": random_.choice([1, 2.5, 0.125]), "split": "train",
                "Split": None if number % 2 else "x",
                "mixed": random_.choice([3, 2.0, "three", True, [1, {"a": None}]])}
    if number < 5:
        metadata["key"] = f"own {number}"
    return {"caption": f"{random_.choice(WORDS)} {number}", "source": f"videos/it's {number // 3}.mp4",
            "seconds": seconds, "hash": f"{value:016x}", "scores": scores, "metadata": metadata}


def sample(random_, key, facts):
    """The members of a sample, sorted by name."""
    flat = dict(facts["metadata"], **facts["scores"])
    flat.update(caption=facts["caption"], source=facts["source"], seconds=facts["seconds"], hash=facts["hash"], key=key)
    members = {"frames.npy": npy(random_, (4, 8, 8, 3)), "first.npy": npy(random_, (8, 8, 3)),
               "jpg": random_.randbytes(random_.randint(1, 900)), "txt": facts["caption"].encode(),
               "json": dump(flat).encode()}
    return sorted((name.encode(), name, data) for name, data in members.items())


def shard(random_, folder, number, samples, hashes, first):
    archive, rows = b"", []
    name = f"clips-{number:06d}"
    for place in range(samples):
        key = f"{number:06d}_{place:07d}"
        facts = columns(random_, first + place, hashes)
        record, members, start = b"", {}, len(archive)
        for _, member, data in sample(random_, key, facts):
            record += header(f"{key}.{member}", len(data))
            members[member] = [start + len(record), len(data)]
            record += data + bytes(-len(data) % 512)
        archive += record
        rows.append(dump(dict(facts, key=key, offset=start, size=len(record), crc32c=crc32c(record), members=members)))
    archive += bytes(1024)
    text = "".join(row + "\n" for row in rows).encode()
    with open(f"{folder}/{name}.tar", "wb") as file:
        file.write(archive)
    with open(f"{folder}/{name}.jsonl", "wb") as file:
        file.write(text)
    return {"name": name, "samples": samples, "bytes": len(archive), "sha256": hashlib.sha256(archive).hexdigest(),
            "rows_sha256": hashlib.sha256(text).hexdigest()}


def own(folder, arguments):
    random_, hashes = random.Random(arguments.seed), []
    options = {"frames": 16, "fps": 8.0, "represent": ["frames"]}
    rejects = [{"video": f"bad {number}.mp4", "kind": "unreadable", "reason": "no video", "clips": 0}
               for number in range(arguments.shards)]
    shards, first = [], 0
    for number in range(arguments.shards):
        # Of three shards one is empty: its videos gave no clip.
        samples = 0 if arguments.parts and number % 3 == 2 else arguments.samples
        entry = shard(random_, folder, number, samples, hashes, first) if samples else None
        first += samples
        if entry:
            shards.append(entry)
        if arguments.parts:
            os.makedirs(f"{folder}/.shards", exist_ok=True)
            receipt = {"tool": "pframe test", "options": options, "source_hash": "abc", "shards": arguments.shards,
                       "shard": entry, "rejects": [rejects[number]], "totals": {"clips": samples, "videos": 2}}
            with open(f"{folder}/.shards/{number:06d}.json", "w") as file:
                json.dump(receipt, file)
    if arguments.parts:
        return
    with open(f"{folder}/rejects.jsonl", "w") as file:
        file.write("".join(dump(reject) + "\n" for reject in rejects))
    with open(f"{folder}/dataset.json", "w") as file:
        json.dump({"schema": 1, "tool": "pframe test", "options": options, "source_hash": "abc", "shards": shards,
                   "totals": {"clips": first}}, file)


def foreign(folder, arguments):
    """Archives by tarfile: pax and GNU formats, folders, long names, members unsorted."""
    random_ = random.Random(arguments.seed)
    for number in range(arguments.shards):
        kind = [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT][number % 3]
        with tarfile.open(f"{folder}/part.{number}.tar", "w", format=kind) as archive:
            folder_ = tarfile.TarInfo(f"shard{number}")
            folder_.type = tarfile.DIRTYPE
            archive.addfile(folder_)
            for place in range(arguments.samples):
                long = "ü" * 40 + "x" * 70 if place % 2 and number % 3 != 2 else "s"
                key = f"shard{number}/{long}{place:04d}"
                members = [("txt", f" caption {number} {place}\n".encode()), ("CLS", b"7"),
                           ("json", json.dumps({"score": place / 2, "count": place, "tag": "t", "caption": "no",
                                                "nested": {"a": 1}, "ok": True}).encode()),
                           ("mv.npy", npy(random_, (3, 5)))]
                if place % 3 == 0:
                    del members[0]
                if place % 5 == 4:
                    members = [m for m in members if m[0] != "json"]
                random_.shuffle(members)
                for name, data in members:
                    info = tarfile.TarInfo(f"{key}.{name}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--foreign", action="store_true")
    arguments = parser.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    (foreign if arguments.foreign else own)(arguments.folder, arguments)


if __name__ == "__main__":
    main()
