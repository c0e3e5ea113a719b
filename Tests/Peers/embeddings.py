"""Embeddings of a data set's clips, and what numpy makes of them.

    embeddings.py make DATASET FOLDER [--type float16] [--frames F] [--missing N] [--unknown N]
    embeddings.py check DATASET FOLDER

`make` writes t.npy, i.npy and keys.txt, shuffled; some embeddings are zero, some NaN. `check` compares the column
caption_clip of index.sqlite and the side files with numpy's cosines.
"""

import argparse
import json
import sqlite3
import sys

import numpy


def keys(dataset):
    with open(f"{dataset}/dataset.json") as file:
        shards = [shard["name"] for shard in json.load(file)["shards"]]
    found = []
    for shard in shards:
        with open(f"{dataset}/{shard}.jsonl") as file:
            found.append((shard, [json.loads(line)["key"] for line in file.read().split("\n") if line]))
    return found


def make(arguments):
    generator = numpy.random.default_rng(3)
    names = [key for _, shard in keys(arguments.dataset) for key in shard]
    names = list(generator.permutation(names))[arguments.missing:] + [f"other-{n}" for n in range(arguments.unknown)]
    shape = (len(names), arguments.frames, 48) if arguments.frames else (len(names), 48)
    text = generator.normal(size=(len(names), 48)) * generator.uniform(0.1, 30, size=(len(names), 1))
    image = generator.normal(size=shape) * 5 + text.reshape([len(names)] + [1] * (len(shape) - 2) + [48])
    text[3], text[5, 7], image[8], image[9, ..., 1] = 0, numpy.nan, 0, numpy.inf
    numpy.save(f"{arguments.folder}/t.npy", text.astype(arguments.type))
    numpy.save(f"{arguments.folder}/i.npy", image.astype(arguments.type))
    with open(f"{arguments.folder}/keys.txt", "w") as file:
        file.write("".join(name + "\n" for name in names))


def unit(vectors):
    with numpy.errstate(all="ignore"):
        return vectors / numpy.linalg.norm(vectors, axis=-1, keepdims=True)


def check(arguments):
    text = unit(numpy.load(f"{arguments.folder}/t.npy").astype(numpy.float64))
    image = unit(numpy.load(f"{arguments.folder}/i.npy").astype(numpy.float64))
    if image.ndim == 3:
        image = unit(image.mean(axis=1))
    cosines = (text * image).sum(axis=1)
    with open(f"{arguments.folder}/keys.txt") as file:
        wanted = dict(zip(file.read().split(), cosines))
    database = sqlite3.connect(f"file:{arguments.dataset}/index.sqlite?mode=ro", uri=True)
    found = dict(database.execute("SELECT key, caption_clip FROM clips"))
    scored = 0
    for shard, names in keys(arguments.dataset):
        with open(f"{arguments.dataset}/{shard}.caption_clip.jsonl") as file:
            lines = [json.loads(line) for line in file]
        if [line["key"] for line in lines] != names:
            sys.exit(f"keys of {shard}")
        for line in lines:
            key, value, expected = line["key"], line["caption_clip"], wanted.get(line["key"], numpy.nan)
            if found[key] != value:
                sys.exit(f"{key}: {value} in the side file, {found[key]} in the index")
            if (value is None) != bool(numpy.isnan(expected)) or value is not None and abs(value - expected) > 1e-12:
                sys.exit(f"{key}: {value} for {expected}")
            scored += value is not None
    print(f"{scored} scored")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "check"])
    parser.add_argument("dataset")
    parser.add_argument("folder")
    parser.add_argument("--type", default="float32")
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--missing", type=int, default=0)
    parser.add_argument("--unknown", type=int, default=0)
    arguments = parser.parse_args()
    (make if arguments.what == "make" else check)(arguments)


if __name__ == "__main__":
    main()
