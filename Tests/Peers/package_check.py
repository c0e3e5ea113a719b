#!/usr/bin/env python3
"""Uses the package in Python/ on what pframe wrote, and compares with other files that pframe wrote.

    package_check.py decode VAE LATENTS CLIPS   PSNR of the decoded latents against the clips: psnr_coding of the rows
    package_check.py clips RUN SET              diffused clips of records, rebuilt: the frames of the records again
    package_check.py samples RUN SAMPLES        the clips of `pframe sample`, made again from samples.jsonl
    package_check.py errors RUN SET FOLDER      what is damaged is named; FOLDER is for copies

Prints how many were compared; exits with 1 and a line where something differs.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pframe
import torch


def require(condition: bool, text: str) -> None:
    if not condition:
        print(text, file=sys.stderr)
        sys.exit(1)


def pixels(path: Path, width: int, height: int) -> torch.Tensor:
    """A picture (H, W, 3) as FFmpeg decodes it."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8).reshape(height, width, 3)


def decode(run: pframe.Run, latents: Path, clips: Path) -> int:
    records = pframe.Records(latents)
    for record, source in zip(records, pframe.Records(clips), strict=True):
        require(record.key == source.key and record.caption == source.caption, f"{record.key}: another record")
        frames = run.decode(record).frames.double()[1:]
        error = (frames - torch.from_numpy(source["frames.npy"]).double()[1:]).square().mean().item()
        # Where nothing moves there may be no error, and rows hold no infinity.
        psnr, said = 10 * np.log10(255**2 / error) if error else None, record.row["scores"]["psnr_coding"]
        same = psnr == said if psnr is None or said is None else abs(psnr - said) < 0.005
        require(same, f"{record.key}: PSNR {psnr}, psnr_coding {said}")
    return len(records)


def clips(run: pframe.Run, folder: Path) -> int:
    records = pframe.Records(folder)
    keys = [record.key for record in records]
    require([record.key for record in records[1:3]] == keys[1:3] and records[-1].key == keys[-1], "another part")
    for record in records:
        x = run.codec.clean(record)
        name = "frames.npy" if run.model == "vdm" else "first.npy"
        first = torch.from_numpy(record[name]).reshape(-1, *record[name].shape[-3:])[:1]
        require(tuple(x.shape) == run.clip_shape, f"{record.key}: {tuple(x.shape)}, not {run.clip_shape}")
        made = run.codec.rebuild(x[None], first)[0]
        if run.model == "ed-vdm":
            latent = record["latent.npy"]
            if run.codec.least_norm is not None:
                lengths = np.square(latent.astype(np.float64)).sum(-1, keepdims=True)
                latent = latent * (lengths > run.codec.least_norm**2)
            true = run.decode({name: record[name] for name in ("first.npy", "mv.npy")} | {"latent.npy": latent})
            require(torch.equal(made.motion, torch.from_numpy(record["mv.npy"])), f"{record.key}: another motion")
            # The root and its square cost latents their last digits.
            distance = (made.frames.int() - true.frames.int()).abs()
            require(distance.max() <= 2, f"{record.key}: frames differ by {distance.max()}")
            require(bool(x.isfinite().all()), f"{record.key}: not finite")
            require(abs(x[:, 2:].std() - 1) < 0.9, f"{record.key}: latents have a deviation of {x[:, 2:].std()}")
        else:
            same = torch.equal(made.frames, torch.from_numpy(record["frames.npy"]))
            require(same, f"{record.key}: rebuilt frames differ")
            require(x.abs().max() <= 1, f"{record.key}: beyond ±1")
    return len(records)


def samples(run: pframe.Run, folder: Path) -> int:
    rows = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    options = run.config.members("options")
    height, width, frames = (options.integer(name) for name in ("height", "width", "frames"))
    for row in rows:
        first = pixels(folder / f"{row['name']}.first.png", width, height)
        captions = [row["prompt"]] if run.denoiser.text else None
        clip = run.sample(
            first[None], captions, seeds=[int(row["seed"])], steps=row["steps"], guidance=row["guidance"],
            sampler=row["sampler"], eta=row["eta"], temperature=row.get("temperature", 0.5),
            residual_steps=row.get("residual_steps", 1))[0]  # fmt: skip
        if clip.motion is None:
            strip = pixels(folder / f"{row['name']}.png", frames * (width + 2) - 2, height)
            parts = [strip[:, start : start + width] for start in range(0, strip.shape[1], width + 2)]
            compared = [("frames", clip.frames, torch.stack(parts), 3)]
        else:
            files = {name: np.load(folder / f"{row['name']}.{name}.npy") for name in ("motion", "residual")}
            compared = [("motion", clip.motion, files["motion"], 4), ("residual", clip.residual, files["residual"], 1)]
        for name, made, wanted, most in compared:
            distance = (made.int() - torch.as_tensor(wanted).int()).abs()
            same = (distance == 0).double().mean().item()
            text = f"{row['name']}: {name}: {same} of the values are the same, others differ by up to {distance.max()}"
            require(distance.max() <= most and same > 0.99, text)
            require(torch.as_tensor(wanted).float().std() > 1, f"{row['name']}: {name} is all the same")
    return len(rows)


def errors(run: Path, dataset: Path, folder: Path) -> int:
    """Each change of a copy, and the words that the error must have."""

    def edited(path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text, f"{old} is not in {path}"
        path.write_text(text.replace(old, new))

    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:-4096])

    def flipped(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    shard = pframe.Records(dataset).description.items("shards", dict)[0]["name"]
    changes: list[tuple[Path, Callable[[Path], object], list[str]]] = [
        (run, lambda copy: (copy / "config.json").unlink(), ["is not a run", "pframe train"]),
        (run, lambda copy: edited(copy / "config.json", '"text_width"', '"other"'), ["config.json", "text_width"]),
        (run, lambda copy: edited(copy / "config.json", '"captions"', '"other"'), ["config.json", "captions"]),
        (run, lambda copy: edited(copy / "config.json", '"heads": 2', '"heads": 3'), ["checkpoint", "qkv.weight"]),
        (run, lambda copy: edited(copy / "config.json", '"ed-vdm"', '"gan"'), ["config.json", "gan", "d-vdm"]),
        (run, lambda copy: (copy / "checkpoint.safetensors").unlink(), ["checkpoint", "train it for longer"]),
        (run, lambda copy: cut(copy / "checkpoint.safetensors"), ["checkpoint.safetensors", "damaged"]),
        (run, lambda copy: shutil.rmtree(copy / "vae"), ["vae", "is missing"]),
        (dataset, lambda copy: (copy / "dataset.json").unlink(), ["not a finished data set"]),
        (dataset, lambda copy: edited(copy / "dataset.json", '"schema": 1', '"schema": 2'), ["schema 2 is newer"]),
        (dataset, lambda copy: flipped(copy / f"{shard}.tar"), [f"{shard}.tar", "at byte", "CRC-32C"]),
        (dataset, lambda copy: cut(copy / f"{shard}.jsonl"), [f"{shard}.jsonl", "row"]),
        (dataset, lambda copy: (copy / f"{shard}.jsonl").write_bytes(b"{\xff"), [f"{shard}.jsonl", "at byte 1"]),
    ]
    for number, (source, change, words) in enumerate(changes):
        copy = folder / str(number)
        shutil.copytree(source, copy)
        change(copy)
        try:
            if source == run:
                pframe.load(copy)
            else:
                for record in pframe.Records(copy):
                    dict(record)
            require(False, f"{words}: no error")
        except pframe.PFrameError as error:
            require(all(word in str(error) for word in words), f"{words}: {error}")
    return len(changes)


def main() -> None:
    command, run, *others = sys.argv[1], Path(sys.argv[2]), *map(Path, sys.argv[3:])
    if command == "errors":
        print(errors(run, *others))
    else:
        print({"decode": decode, "clips": clips, "samples": samples}[command](pframe.load(run), *others))


if __name__ == "__main__":
    main()
