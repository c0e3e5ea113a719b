#!/usr/bin/env python3
"""Reads a data set of `pframe build` as its users would, and rebuilds every frame from motion and residual with numpy.

usage: read_dataset.py DATASET   (needs numpy and webdataset; with --datasets also Hugging Face datasets)

* webdataset yields every sample of the .jsonl files, in order, with its default decoders;
* frame n = frame n−1 displaced by mv in whole pixels, coordinates clamped, + residual: equal to frames.npy, exactly;
* captions and keys are those of the rows; no JSON of a sample lacks a key that another has;
* offsets and lengths in the rows lead to the same bytes as the archive's own headers.
Prints the number of samples; exits with 1 and a line where something differs."""

import argparse
import glob
import io
import json
import os
import sys
import tarfile

import numpy as np


def rows(dataset: str) -> list[dict]:
    """The rows of all shards, each with its shard's path."""
    result = []
    with open(os.path.join(dataset, "dataset.json"), encoding="utf-8") as file:
        shards = json.load(file)["shards"]
    for shard in shards:
        with open(os.path.join(dataset, shard["name"] + ".jsonl"), encoding="utf-8") as file:
            result += [json.loads(line) | {"shard": os.path.join(dataset, shard["name"] + ".tar")} for line in file]
    return result


def predict(frame: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The frame displaced block by block: p(x) = frame(x + v), coordinates clamped; v in quarter pixels."""
    height, width = frame.shape[:2]
    whole = np.repeat(np.repeat(field.astype(int) // 4, 16, axis=0), 16, axis=1)
    y, x = np.mgrid[:height, :width]
    return frame[np.clip(y + whole[..., 1], 0, height - 1), np.clip(x + whole[..., 0], 0, width - 1)]


def rebuild(first: np.ndarray, motion: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Every frame from the first one, motion and residual."""
    frames = [first]
    for field, rest in zip(motion, residual, strict=True):
        frames.append((predict(frames[-1], field).astype(np.int16) + rest).astype(np.uint8))
    return np.stack(frames)


def require(condition: bool, text: str) -> None:
    if not condition:
        print(text)
        sys.exit(1)


def check_webdataset(dataset: str, expected: list[dict]) -> None:
    import webdataset

    shards = sorted(glob.glob(os.path.join(dataset, "*.tar")))
    samples = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode()
    count = 0
    columns = None
    for sample, row in zip(samples, expected, strict=False):
        key = sample["__key__"]
        require(key == row["key"], f"{key} where the rows say {row['key']}")
        require(sample["txt"] == row["caption"], f"{key}: the caption is {sample['txt']!r}, not {row['caption']!r}")
        columns = columns or set(sample["json"])
        require(set(sample["json"]) == columns, f"{key}: its JSON has other keys: {set(sample['json']) ^ columns}")
        require(sample["jpg"][:2] == b"\xff\xd8", f"{key}: no JPEG")
        arrays = {name: sample[name] for name in sample if name.endswith(".npy")}
        if "residual.npy" in arrays:
            frames = rebuild(arrays["first.npy"], arrays["mv.npy"], arrays["residual.npy"])
            if "frames.npy" in arrays:
                require(np.array_equal(frames, arrays["frames.npy"]), f"{key}: motion and residual give other frames")
        if "difference.npy" in arrays and "frames.npy" in arrays:
            difference = np.diff(arrays["frames.npy"].astype(np.int16), axis=0)
            require(np.array_equal(difference, arrays["difference.npy"]), f"{key}: other differences")
        if "frames.npy" in arrays:
            require(np.array_equal(arrays["frames.npy"][0], arrays["first.npy"]), f"{key}: another first frame")
            mean = np.abs(np.diff(arrays["frames.npy"].astype(np.int16), axis=0)).mean()
            require(abs(mean - row["scores"]["motion_difference"]) < 1e-6, f"{key}: motion_difference is {mean}")
        count += 1
    require(count == len(expected), f"webdataset gave {count} samples, the rows say {len(expected)}")


def check_offsets(expected: list[dict]) -> None:
    for path in {row["shard"] for row in expected}:
        with tarfile.open(path) as archive, open(path, "rb") as raw:
            members = {member.name: member for member in archive}
            for row in (row for row in expected if row["shard"] == path):
                for name, (offset, length) in row["members"].items():
                    member = members.pop(f"{row['key']}.{name}")
                    require((member.offset_data, member.size) == (offset, length), f"{member.name}: wrong offset")
                    require((member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o444), "odd header")
                    if name.endswith(".npy"):
                        raw.seek(offset)
                        np.load(io.BytesIO(raw.read(length)), allow_pickle=False)
            require(not members, f"{path}: members that no row names: {sorted(members)[:3]}")


def check_datasets(dataset: str, expected: list[dict], cache: str) -> None:
    from datasets import load_dataset

    files = sorted(glob.glob(os.path.join(dataset, "*.tar")))
    loaded = load_dataset("webdataset", data_files={"train": files}, split="train", cache_dir=cache)
    require(len(loaded) == len(expected), f"datasets gave {len(loaded)} samples, the rows say {len(expected)}")
    for sample, row in zip(loaded.select_columns(["__key__", "txt", "json"]), expected, strict=True):
        require(sample["__key__"] == row["key"], f"datasets: {sample['__key__']} where the rows say {row['key']}")
        require(sample["json"]["caption"] == row["caption"], f"datasets: another caption of {row['key']}")
        scores = {name: sample["json"][name] for name, value in row["scores"].items() if value is not None}
        require(scores == {name: row["scores"][name] for name in scores}, f"datasets: other scores of {row['key']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--datasets", metavar="CACHE", help="also load with Hugging Face datasets, caching there")
    options = parser.parse_args()
    expected = rows(options.dataset)
    check_offsets(expected)
    check_webdataset(options.dataset, expected)
    if options.datasets:
        check_datasets(options.dataset, expected, options.datasets)
    print(len(expected))


if __name__ == "__main__":
    main()
