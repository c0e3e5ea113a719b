#!/usr/bin/env python3
"""Makes the expected values of layers, operations, the 3D U-Net, the autoencoders and AdamW with PyTorch, as safetensors
files. The networks are those of the package in Python/, which `pip install ./Python` installs.

Inputs, parameters and the gradients of outputs come from one formula of a name (`values`), which the tests share, so
that the files hold results only: `CASE/output` and `CASE/gradient.NAME` for inputs and parameters, computed in float64.
Images are (N, H, W, C) in the files.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from pframe import ConditionalAutoencoder, ResidualAutoencoder, UNet3D, layers

# Name, U-Net (width, multiples, inputs, outputs, frames) and height of the images.
PAPER = {
    "ED-VDM": ((192, [1, 2, 4, 8], 34, 18, 15), 8),
    "D-VDM": ((120, [1, 2, 4, 8], 67, 3, 15), 128),
    "VDM": ((120, [1, 2, 4, 8], 3, 3, 16), 128),
}


def values(name: str, shape: tuple[int, ...], scale: float = 1, offset: float = 0) -> torch.Tensor:
    """`scale · k / 32768 + offset`, rounded to float32, with whole k from SplitMix64 seeded with the name's FNV-1a."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    count = math.prod(shape)
    state = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, count + 1, dtype=np.uint64)
    state = (state ^ state >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ state >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    whole = ((state ^ state >> np.uint64(31)) >> np.uint64(48)).astype(np.float64) - 32768
    return torch.from_numpy((whole / 32768 * scale + offset).astype(np.float32)).double().reshape(shape)


def parameter(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Weights that keep the variance, norms around 1, tables and biases that matter."""
    if len(shape) == 1 and name.endswith("weight"):
        return values(name, shape, 0.5, 1)
    if len(shape) == 1 or name.endswith("table"):
        return values(name, shape, 0.5)
    return values(name, shape, math.sqrt(3 / math.prod(shape[1:])))


def fill(module: nn.Module, case: str) -> nn.Module:
    module.double()
    for name, tensor in module.named_parameters():
        tensor.data = parameter(f"{case}/{name}", tuple(tensor.shape))
    return module


class Cases:
    """Runs cases and keeps what they give, by name."""

    def __init__(self) -> None:
        self.results: dict[str, torch.Tensor] = {}

    def keep(self, name: str, value: torch.Tensor) -> None:
        self.results[name] = value.detach().float().contiguous()

    def add(
        self, name: str, call: Callable[..., torch.Tensor], module: nn.Module | None = None, **inputs: tuple
    ) -> None:
        """Calls with the module, where there is one, and inputs of (shape, scale, offset)."""
        leaves = {key: values(f"{name}/{key}", *how).requires_grad_() for key, how in inputs.items()}
        output = call(*([fill(module, name)] if module else []), *leaves.values())
        (output * values(f"{name}/weights", tuple(output.shape))).sum().backward()
        self.keep(f"{name}/output", output)
        for key, leaf in leaves.items():
            self.keep(f"{name}/gradient.{key}", leaf.grad)
        for key, tensor in module.named_parameters() if module else []:
            self.keep(f"{name}/gradient.{key}", tensor.grad)


def first(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 1, 2)


def last(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1)


def on_images(module: nn.Module, x: torch.Tensor, *others: object) -> torch.Tensor:
    return last(module(first(x), *others))


def layer_cases() -> Cases:
    cases = Cases()
    cases.add("linear", lambda m, x: m(x), nn.Linear(5, 7), x=((3, 4, 5),))
    cases.add("linear without bias", lambda m, x: m(x), nn.Linear(6, 3, bias=False), x=((2, 6),))
    for name, shape, outputs, kernel, stride in [
        ("3x3", (2, 5, 7, 3), 4, 3, 1),
        ("3x3 of one channel", (1, 3, 3, 1), 2, 3, 1),
        ("3x3 to one channel", (2, 1, 6, 5), 1, 3, 1),
        ("7x7", (2, 8, 8, 3), 4, 7, 1),
        ("7x7 of few pixels", (1, 2, 3, 2), 2, 7, 1),
        ("1x1", (2, 3, 5, 6), 9, 1, 1),
        ("4x4 of stride 2", (2, 8, 6, 4), 5, 4, 2),
        ("4x4 of stride 2, odd", (1, 7, 5, 3), 2, 4, 2),
        ("3x3 of one pixel", (3, 1, 1, 5), 4, 3, 1),
        ("3x3 of 2x2 pixels", (3, 2, 2, 5), 4, 3, 1),
        ("3x3 of 1x2 pixels", (2, 1, 2, 3), 2, 3, 1),
        ("3x3 of 2x1 pixels", (2, 2, 1, 3), 2, 3, 1),
        ("7x7 of 2x2 pixels", (2, 2, 2, 3), 2, 7, 1),
        ("4x4 of stride 2 of 2x2 pixels", (3, 2, 2, 3), 4, 4, 2),
    ]:
        padding = 1 if kernel == 4 else kernel // 2
        module = nn.Conv2d(shape[3], outputs, kernel, stride=stride, padding=padding)
        cases.add(f"convolution {name}", on_images, module, x=(shape,))
    for name, shape, outputs in [("even", (2, 4, 4, 3), 5), ("odd", (1, 3, 5, 4), 1), ("one pixel", (1, 1, 1, 2), 3)]:
        module = nn.ConvTranspose2d(shape[3], outputs, 4, stride=2, padding=1)
        cases.add(f"upsampling {name}", on_images, module, x=(shape,))
    for channels, shape in [(8, (4, 3, 5)), (16, (2, 4, 4)), (24, (3, 1, 1)), (40, (6, 2, 3)), (72, (2, 7, 3))]:
        size = (*shape, channels)
        for silu in (False, True):

            def normed(m: nn.Module, x: torch.Tensor, modulation: torch.Tensor | None = None) -> torch.Tensor:
                y = m(first(x), len(x) // 2 if len(x) % 2 == 0 else len(x))
                if modulation is not None:
                    both = modulation.repeat_interleave(len(x) // len(modulation), 0)[:, :, None, None]
                    scale, shift = both.chunk(2, 1)
                    y = (1 + scale) * y + shift
                return last(F.silu(y) if silu else y)

            name = f"group norm of {channels}{', silu' if silu else ''}"
            clips = 2 if shape[0] % 2 == 0 else 1
            norm = layers.GroupNorm
            cases.add(name, normed, norm(channels), x=(size,))
            cases.add(f"{name}, modulated", normed, norm(channels), x=(size,), modulation=((clips, 2 * channels),))
            cases.add(f"{name}, far from 0", normed, norm(channels), x=(size, 1, 100))
    cases.add("channel norm", on_images, layers.ChannelNorm(12), x=((2, 3, 3, 12),))
    cases.add("channel norm, far from 0", on_images, layers.ChannelNorm(40), x=((2, 2, 1, 40), 1, -50))
    for name, inputs, condition in [("", 8, None), (", skip", 5, None), (", embedding", 8, 6), (", both", 5, 6)]:
        module = layers.ResidualBlock(inputs, 8, condition)
        call = lambda m, x, *e: last(m(first(x), 3, *e))  # noqa: E731
        embedding = {"embedding": ((2, condition),)} if condition else {}
        cases.add(f"residual block{name}", call, module, x=((6, 4, 3, inputs),), **embedding)
    for axis, frames, shape in [
        ("time", 1, (2, 2, 3)),
        ("time", 3, (6, 3, 3)),
        ("time", 15, (15, 1, 2)),
        ("time", 64, (64, 1, 1)),
        ("time", 66, (66, 1, 1)),
        ("space", 3, (6, 1, 1)),
        ("space", 2, (2, 8, 8)),
        ("space", 1, (1, 8, 9)),
    ]:
        for biased in (False, True) if axis == "time" else (False,):
            module = layers.Attention(8, axis, heads=2)
            call = lambda m, x, *bias: last(m(first(x), frames, *bias))  # noqa: E731
            bias = {"bias": ((2, frames, frames), 2)} if biased else {}
            name = f"attention in {axis} of {frames}x{shape[1] * shape[2]}{', biased' if biased else ''}"
            cases.add(name, call, module, x=((*shape, 8),), **bias)
    for shape in [(2, 1, 1), (2, 8, 8), (1, 15, 20)]:
        name = f"linear attention of {shape[1] * shape[2]}"
        cases.add(name, on_images, layers.LinearAttention(8, heads=2), x=((*shape, 8),))
    for frames in (1, 5):
        cases.add(f"relative position bias of {frames}", lambda m: m(), layers.RelativePositionBias(frames))
    steps = torch.tensor([0, 1, 500, 999], dtype=torch.float64)
    cases.add("time embedding", lambda m: m(steps), layers.TimeEmbedding(16))
    return cases


def operation_cases() -> Cases:
    cases = Cases()
    wide = ((5, 7), 8)
    cases.add("silu", F.silu, x=wide)
    cases.add("gelu", F.gelu, x=wide)
    cases.add("quick gelu", lambda x: x * torch.sigmoid(1.702 * x), x=wide)
    cases.add("softmax of rows", lambda x: x.softmax(-1), x=wide)
    cases.add("softmax of columns", lambda x: x.softmax(0), x=wide)
    classes = torch.tensor([6, 0, 3, 3, 1])
    cases.add("cross-entropy", lambda x: F.cross_entropy(x, classes, reduction="none"), x=wide)
    cases.add("layer norm", lambda x: F.layer_norm(x, (7,)), x=wide)
    cases.add(
        "layer norm with weights",
        lambda x, weight, bias: F.layer_norm(x, (7,), weight, bias),
        x=wide,
        weight=((7,), 0.5, 1),
        bias=((7,), 0.5),
    )
    solved = lambda a, b: torch.linalg.solve(a + torch.eye(4), b)  # noqa: E731
    cases.add("solved", solved, a=((2, 4, 4), 0.2), b=((2, 4, 3),))
    for name, size in [("smaller", (4, 3)), ("larger", (14, 9)), ("both", (4, 15)), ("same", (9, 7))]:
        for antialias in (False, True):

            def resized(x: torch.Tensor) -> torch.Tensor:
                return last(F.interpolate(first(x), size, mode="bilinear", align_corners=False, antialias=antialias))

            cases.add(f"resized {name}{', antialiased' if antialias else ''}", resized, x=((2, 9, 7, 3),))
    for factor in (2, 3):
        grown = lambda x: last(F.interpolate(first(x), scale_factor=factor, mode="nearest"))  # noqa: E731
        cases.add(f"upsampled {factor}", grown, x=((2, 3, 2, 3),))
    for heads, width, length in [(1, 8, 1), (2, 8, 5), (3, 20, 4), (1, 128, 3), (1, 130, 3), (2, 32, 15)]:
        inner = heads * width
        name = f"sequence attention of {length}, {heads}x{width}"
        attended = lambda x, bias: layers.sequence_attention(x, heads, bias)  # noqa: E731
        cases.add(name, attended, x=((2, length, 2, 3 * inner), 2), bias=((heads, length, length), 2))
    for heads, width, positions in [(1, 8, 1), (2, 8, 5), (3, 20, 4), (1, 64, 3), (1, 66, 3)]:
        inner = heads * width
        name = f"linear attention of {positions}, {heads}x{width}"
        cases.add(name, lambda x: layers.linear_attention(x, heads), x=((2, positions, 3 * inner), 3))
    return cases


def unet() -> tuple[Cases, dict[str, str]]:
    """A whole model: of each parameter's gradient its product with a vector and its norm."""
    cases = Cases()
    model = fill(UNet3D(16, [1, 2], 5, 4, 3, text=6), "unet")
    x, text = values("unet/x", (6, 8, 8, 5)).requires_grad_(), values("unet/text", (2, 6)).requires_grad_()
    output = last(model(first(x), torch.tensor([17.0, 803.0], dtype=torch.float64), text))
    (output * values("unet/weights", tuple(output.shape))).sum().backward()
    cases.keep("unet/output", output)
    cases.keep("unet/gradient.x", x.grad)
    cases.keep("unet/gradient.text", text.grad)
    for name, tensor in model.named_parameters():
        direction = values(f"unet/direction.{name}", tuple(tensor.shape))
        cases.keep(f"unet/summary.{name}", torch.stack([(tensor.grad * direction).sum(), tensor.grad.norm()]))
        if name == "bias.table" or name.endswith(("norm.weight", "shrink.bias", "grow.bias", "modulation.bias")):
            cases.keep(f"unet/gradient.{name}", tensor.grad)
    facts = {}
    for name, (shape, height) in PAPER.items():
        with torch.device("meta"):
            model = UNet3D(*shape)
            x, step = torch.zeros(shape[4], shape[2], height, height), torch.zeros(1)
            with FlopCounterMode(display=False) as forward:
                model(x, step)
            with FlopCounterMode(display=False) as both:
                model(x, step).sum().backward()
        facts[f"{name} parameters"] = str(sum(tensor.numel() for tensor in model.parameters()))
        facts[f"{name} forward"] = str(forward.get_total_flops())
        facts[f"{name} forward and backward"] = str(both.get_total_flops())
    return cases, facts


def autoencoder() -> Cases:
    """A whole autoencoder: mean and logarithm of the variance, and what is decoded of the mean."""
    cases = Cases()
    model = fill(ResidualAutoencoder(4, [8, 16, 24], 1, 16), "vae")
    residual = values("vae/residual", (2, 32, 48, 3), 5).requires_grad_()
    mean, variance = model.encode(first(residual))
    outputs = {"mean": last(mean), "variance": last(variance), "decoded": last(model.decode(mean))}
    sum((output * values(f"vae/weights.{key}", tuple(output.shape), 0.1)).sum() for key, output in outputs.items()).backward()
    for key, output in outputs.items():
        cases.keep(f"vae/{key}", output)
    cases.keep("vae/gradient.residual", residual.grad)
    for name, tensor in model.named_parameters():
        if name.startswith(("encoder", "decoder")):
            direction = values(f"vae/direction.{name}", tuple(tensor.shape))
            cases.keep(f"vae/summary.{name}", torch.stack([(tensor.grad * direction).sum(), tensor.grad.norm()]))
    return cases


def conditional() -> Cases:
    """Conditional coding: latents of residuals, what is decoded of other latents, and the loss of training."""
    cases = Cases()
    model = fill(ConditionalAutoencoder(16), "conditional")
    shape = (2, 32, 48, 3)
    prediction = first(values("conditional/prediction", shape, 20))
    residual = first(values("conditional/residual", shape, 100))
    latents = model.encode(residual, prediction)
    cases.keep("conditional/latents", last(latents))
    cases.keep("conditional/decoded", last(model.decode(first(values("conditional/z", (2, 2, 3, 16), 0.5)), prediction)))
    # Ridge regression again, as least squares of stacked rows.
    patterns = model.patterns(prediction)[1, 0, 2]
    rows = torch.cat([patterns.mT, math.sqrt(0.05) * torch.eye(16)])
    block = last(residual * model.scale)[1, :16, 32:].flatten()
    assert torch.allclose(torch.linalg.lstsq(rows, torch.cat([block, torch.zeros(16)])[:, None])[0][:, 0], latents[1, :, 0, 2])
    errors = (model.decode(latents, prediction) - residual).square().mean((1, 2, 3))
    loss = (errors + 4).log().mean()
    # Gradients of numbers far above the tolerance.
    (loss * 1e4).backward()
    cases.keep("conditional/loss", loss)
    for name in ("pictures", "filters"):
        cases.keep(f"conditional/gradient.{name}", model.get_parameter(name).grad)
    return cases


def adamw() -> Cases:
    """Five steps from the same weights; the average is ((w - average) · 0.2) nearer to the weights after each."""
    cases = Cases()
    for shape, decay in [((1,), 0.1), ((7,), 0), ((33, 5), 0.1), ((4, 3, 3, 3), 0.1)]:
        name = "x".join(map(str, shape)) + f" decay {decay}"
        weight = nn.Parameter(values(f"{name}/weight", shape))
        average = weight.detach().clone()
        optimiser = torch.optim.AdamW([weight], lr=0.01, betas=(0.9, 0.99), eps=1e-8, weight_decay=decay)
        for step in range(1, 6):
            weight.grad = 0.5 * values(f"{name}/gradient {step}", shape)
            optimiser.step()
            average += (weight.detach() - average) * 0.2
            if step in (1, 5):
                state = optimiser.state[weight]
                cases.keep(f"{name}/{step}.weight", weight)
                cases.keep(f"{name}/{step}.first", state["exp_avg"])
                cases.keep(f"{name}/{step}.second", state["exp_avg_sq"])
                cases.keep(f"{name}/{step}.average", average)
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    save_file(layer_cases().results, folder / "layers.safetensors")
    save_file(operation_cases().results, folder / "operations.safetensors")
    model, facts = unet()
    save_file(model.results, folder / "unet3d.safetensors", metadata=facts)
    save_file(autoencoder().results, folder / "vae.safetensors")
    save_file(conditional().results, folder / "conditional.safetensors")
    save_file(adamw().results, folder / "adamw.safetensors")


if __name__ == "__main__":
    main()
