#!/usr/bin/env python3
"""Opens a run with the package in Python/ and writes what its networks make of made input, which PythonPackageTests
compares: OUT.safetensors with (N, H, W, C), the frames of clips in N.

usage: package_values.py RUN OUT.safetensors [CAPTION CAPTION | --features FILE]
"""

import argparse
from pathlib import Path

import pframe
import torch
from safetensors.torch import load_file, save_file
from torch_expected import first, last, values


def autoencoder_values(model: pframe.ResidualAutoencoder) -> dict[str, torch.Tensor]:
    """Computed in float64."""
    model.double()
    mean, variance = model.encode(first(values("residual", (2, 32, 32, 3), 5)))
    decoded = model.decode(first(values("latents", (2, 2, 2, 16), 0.1)))
    return {"mean": last(mean).float(), "variance": last(variance).float(), "decoded": last(decoded).float()}


def loss(run: pframe.Run, images: torch.Tensor, captions: list[str] | torch.Tensor | None) -> torch.Tensor:
    """The loss of two clips as docs/python.md has it, with the steps and the noise that training draws of seeds 3 and 4."""
    frames, channels, height, width = run.clip_shape
    x0 = values("clean", (2 * frames, height, width, channels)).float().unflatten(0, (2, frames)).movedim(-1, 2)
    drawn = [pframe.RandomSeed(seed).mixed("step").unit for seed in (3, 4)]
    steps = torch.tensor([int(unit * run.process.schedule.steps) for unit in drawn])
    noise = pframe.noise(run.clip_shape, [3, 4])
    predicted = run.denoiser(run.process.noised(x0, noise, steps), steps, run.denoiser.condition(images, captions))
    errors = (predicted - run.process.target(x0, noise, steps)).square().mean((1, 2, 3, 4))
    return (errors * run.process.loss_weights(steps)).mean().float()


def denoiser_values(run: pframe.Run, captions: list[str] | torch.Tensor | None) -> dict[str, torch.Tensor]:
    options = run.config.members("options")
    size = options.integer("height"), options.integer("width")
    frames, channels, height, width = run.clip_shape
    x = values("x", (2 * frames, height, width, channels)).float().unflatten(0, (2, frames)).movedim(-1, 2)
    images = values("first", (2, *size, 3), 127.5, 127.5).to(torch.uint8)
    steps = torch.tensor([17, 803])
    clips = {
        "given": run.denoiser(x, steps, run.denoiser.condition(images, captions)),
        "empty": run.denoiser(x, steps, run.denoiser.condition(images)),
        "loss": loss(run, images, captions),
        "sampled": run.diffuse(
            images, captions, seeds=[3, 1 << 63], steps=4, sampler="ddim", eta=0.5,
            guidance=1 if captions is None else 1.5),
    }  # fmt: skip
    return {name: last(clip.flatten(0, 1)) if clip.dim() else clip for name, clip in clips.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("captions", nargs="*")
    parser.add_argument("--features", type=Path, help="CLIP's features of the captions, as safetensors")
    options = parser.parse_args()
    captions = load_file(options.features)["features"] if options.features else options.captions or None
    run = pframe.load(options.run)
    results = autoencoder_values(run.autoencoder) if run.denoiser is None else denoiser_values(run, captions)
    save_file({name: value.contiguous() for name, value in results.items()}, options.out)


if __name__ == "__main__":
    main()
