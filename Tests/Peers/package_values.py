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


def autoencoder_values(model: pframe.ResidualAutoencoder | pframe.ConditionalAutoencoder) -> dict[str, torch.Tensor]:
    """Computed in float64."""
    model.double()
    if isinstance(model, pframe.ConditionalAutoencoder):
        prediction = first(values("prediction", (2, 32, 32, 3), 100, 128))
        encoded = model.encode(first(values("residual", (2, 32, 32, 3), 5)), prediction)
        decoded = model.decode(first(values("latents", (2, 2, 2, 16), 0.1)), prediction)
        return {"latents": last(encoded).float(), "decoded": last(decoded).float()}
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


def motion_first_values(run: pframe.Run, captions: list[str] | torch.Tensor | None) -> dict[str, torch.Tensor]:
    """The losses of two clips, with the draws of training, and clips of a model that draws motion first."""
    options = run.config.members("options")
    model, frames = run.denoiser, run.clip_shape[0]
    images = values("first", (2, options.integer("height"), options.integer("width"), 3), 127.5, 127.5).to(torch.uint8)
    x0 = clean_clips(run)
    condition = model.condition(images, captions)
    seeds = [pframe.RandomSeed(3), pframe.RandomSeed(4)]
    tokens = model.tokenised(x0)
    vectors, coded = model.blocks(tokens)
    shares = torch.tensor([min(round(1000 * model.tokens.share(seed.mixed("share").unit)), 999) for seed in seeds])
    times = torch.stack([seed.mixed("hidden").uniform(tokens.shape[1:4]) for seed in seeds])
    hidden = times < (shares / 1000)[:, None, None, None]
    logits = model.motion(model.tokens.masked(tokens, hidden), shares.float(), condition)
    motion_loss = model.tokens.loss(logits, tokens, hidden)
    steps = torch.tensor([int(seed.mixed("step").unit * run.process.schedule.steps) for seed in seeds])
    gate = coded[:, :, None]
    latents = x0[:, :, 2:]
    noise = pframe.noise((frames, *latents.shape[2:]), [3, 4]) * gate
    guide = model.latents.guide(images, vectors, coded)
    noisy = run.process.noised(latents, noise, steps)
    predicted = model.latents(noisy, guide, steps.float(), condition) * gate
    errors = (predicted - run.process.target(latents, noise, steps)).square().mean((1, 2, 3, 4))
    latent_loss = (errors * run.process.loss_weights(steps)).mean()
    sampled = run.diffuse(
        images, captions, seeds=[3, 1 << 63], steps=4, sampler="ddim", eta=0.5, temperature=0.75,
        residual_steps=3, guidance=1 if captions is None else 1.5)  # fmt: skip
    return {
        "loss": motion_loss + latent_loss, "motion loss": motion_loss, "latent loss": latent_loss,
        "sampled": last(sampled.flatten(0, 1)),
    }  # fmt: skip


def clean_clips(run: pframe.Run) -> torch.Tensor:
    """Two clips with whole vectors, of which every third block is coded."""
    frames, channels, height, width = run.clip_shape
    made = values("clean", (2 * frames, height, width, channels)).float()
    coded = (torch.arange(2 * frames * height * width) % 3 == 0).reshape(2 * frames, height, width, 1)
    made = torch.cat([(made[..., :2] * 4).round(), made[..., 2:] * coded], -1)
    return made.unflatten(0, (2, frames)).movedim(-1, 2)


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
    if run.denoiser is None:
        results = autoencoder_values(run.autoencoder)
    elif isinstance(run.denoiser, pframe.MotionFirst):
        results = motion_first_values(run, captions)
    else:
        results = denoiser_values(run, captions)
    save_file({name: value.contiguous() for name, value in results.items()}, options.out)


if __name__ == "__main__":
    main()
