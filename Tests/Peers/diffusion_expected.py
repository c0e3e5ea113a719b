#!/usr/bin/env python3
"""Writes what the tests of diffusion compare with, as fixtures/train/diffusion.json. Needs diffusers and the package in
Python/ (`pip install ./Python`).

Schedules are those of the package in float64 and must agree with those of diffusers, which are float32. Noised clips,
velocities and samplers are those of diffusers, run in float64 over these schedules; its network is
tanh(0.8 x − 0.6 t / T + 0.1), and the noise that it adds is drawn with the package's seeds. The package's own samplers
must agree too.
"""

import argparse
import json
import math
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from pframe import DiffusionProcess, NoiseSchedule, RandomSeed, sampler_steps

STEPS = 1000
NAMES = {"cosine": "squaredcos_cap_v2", "linear": "linear", "ldm-linear": "scaled_linear"}
RANGES = {"cosine": (1e-4, 0.02), "linear": (1e-4, 0.02), "ldm-linear": (0.00085, 0.012)}
PREDICTIONS = {"eps": "epsilon", "v": "v_prediction", "x0": "sample"}
# B·T, H, W, C
SHAPE = (6, 1, 2, 2)
FRAMES = 3
SEED = 7
# Sampler, steps, η, schedule, zero terminal SNR, target, range of x0.
SAMPLERS = [
    ("ddpm", 10, 0, "cosine", False, "v", None),
    ("ddpm", 10, 0, "linear", False, "eps", None),
    ("ddpm", 8, 0, "cosine", False, "eps", 1.5),
    ("ddpm", 5, 0, "ldm-linear", True, "x0", None),
    ("ddpm", 1000, 0, "cosine", False, "v", None),
    ("ddim", 10, 0, "cosine", False, "v", None),
    ("ddim", 10, 0, "cosine", False, "eps", None),
    ("ddim", 10, 0.5, "linear", False, "x0", None),
    ("ddim", 8, 1, "cosine", True, "v", 0.75),
    ("ddim", 1, 0, "linear", False, "v", None),
    ("dpm-solver++", 10, 0, "cosine", False, "v", None),
    ("dpm-solver++", 10, 0, "cosine", False, "eps", None),
    ("dpm-solver++", 20, 0, "linear", False, "eps", None),
    ("dpm-solver++", 7, 0, "ldm-linear", False, "x0", None),
    ("dpm-solver++", 2, 0, "linear", False, "v", None),
]
PLACES = [0, 1, 2, 50, 100, 333, 500, 750, 900, 990, 998, 999]


def alpha_bars(shape: str, zero: bool) -> np.ndarray:
    bars = (NoiseSchedule(shape, zero_terminal_snr=zero).alphas ** 2).numpy()
    if zero:
        betas = 1 - (bare := (NoiseSchedule(shape).alphas ** 2).numpy()) / np.concatenate([[1], bare[:-1]])
        theirs = torch.cumprod(1 - rescale_zero_terminal_snr(torch.from_numpy(betas)), 0).numpy()
        np.testing.assert_allclose(bars, theirs, rtol=1e-9, atol=1e-15)
    return bars


def scheduler(kind: type, shape: str, zero: bool, target: str = "v", clip: float | None = None, **more):
    """A scheduler of diffusers on the schedule above in float64."""
    first, last = RANGES[shape]
    options = {"beta_start": first, "beta_end": last, "beta_schedule": NAMES[shape], "timestep_spacing": "trailing"}
    if kind is not DPMSolverMultistepScheduler:
        options |= {"clip_sample": clip is not None, "clip_sample_range": clip or 1.0, "rescale_betas_zero_snr": zero}
    made = kind(num_train_timesteps=STEPS, prediction_type=PREDICTIONS[target], **options, **more)
    bars = alpha_bars(shape, zero)
    # β near 0.999 leaves float32 few digits of 1 − β.
    np.testing.assert_allclose(made.alphas_cumprod.numpy(), bars, rtol=2e-3, atol=1e-12)
    made.alphas_cumprod = torch.from_numpy(bars)
    if hasattr(made, "one"):
        made.one = made.one.double()
    return made


def added_noise(step: int) -> torch.Tensor:
    return RandomSeed(SEED).mixed("step").mixed(step).normal(SHAPE).double()


def clip(salt: int) -> torch.Tensor:
    """Numbers that float32 holds exactly, between −2 and 2."""
    values = [(RandomSeed(salt).mixed(index).value >> 56) / 64 - 2 for index in range(math.prod(SHAPE))]
    return torch.tensor(values, dtype=torch.float64).reshape(SHAPE)


def network(x: torch.Tensor, step: int) -> torch.Tensor:
    return torch.tanh(0.8 * x - 0.6 * step / STEPS + 0.1)


def package_path(
    name: str, steps: int, eta: float, shape: str, zero: bool, target: str, range_: float | None
) -> np.ndarray:  # fmt: skip
    """What the package makes of the same noise."""
    process = DiffusionProcess(NoiseSchedule(shape, zero_terminal_snr=zero), target)
    x, previous = clip(1), None
    path = [x]
    for step in sampler_steps(process.schedule, steps, name, eta):
        clean = process.clean(network(x, step.time), x, step.time)
        clean = clean.clamp(-range_, range_) if range_ else clean
        x, previous = step(x, clean, previous, added_noise(step.time)), clean
        path.append(x)
    return torch.stack(path).numpy()


def sampled(name: str, steps: int, eta: float, shape: str, zero: bool, target: str, range_: float | None) -> dict:
    case = {"sampler": name, "steps": steps, "eta": eta, "schedule": shape, "zero": zero, "target": target}
    case |= {"clipping": range_} if range_ else {}
    if name == "ddpm":
        made = scheduler(DDPMScheduler, shape, zero, target, range_, variance_type="fixed_small")
    elif name == "ddim":
        made = scheduler(DDIMScheduler, shape, zero, target, range_, set_alpha_to_one=True)
    else:
        made = scheduler(DPMSolverMultistepScheduler, shape, zero, target, final_sigmas_type="zero")
    made.set_timesteps(steps)
    x, path = clip(1), []
    with mock.patch("diffusers.schedulers.scheduling_ddpm.randn_tensor") as draw:
        for step in made.timesteps.tolist():
            path.append(x)
            draw.side_effect = lambda *_, step=step, **__: added_noise(step)
            noise = {"eta": eta, "variance_noise": added_noise(step) if eta else None} if name == "ddim" else {}
            # ε of the clamped x0, so that both belong to the same x.
            noise |= {"use_clipped_model_output": range_ is not None} if name == "ddim" else {}
            x = made.step(network(x, step), step, x, **noise).prev_sample
    path.append(x)
    again = package_path(name, steps, eta, shape, zero, target, range_)
    np.testing.assert_allclose(again, torch.stack(path).numpy(), rtol=1e-6, atol=1e-6)
    kept = path if steps <= 20 else [path[0], path[steps // 2], path[-1]]
    case["times"] = made.timesteps.tolist() if steps <= 20 else []
    return case | {"path": [[float(f"{value:.8g}") for value in x.ravel().tolist()] for x in kept]}


def expected() -> dict:
    result: dict = {"shape": SHAPE, "frames": FRAMES, "seed": SEED, "x": clip(1).ravel().tolist()}
    result |= {"noise": clip(2).ravel().tolist(), "places": PLACES, "schedules": [], "spacings": [], "samplers": []}
    for shape in NAMES:
        for zero in (False, True):
            bars = alpha_bars(shape, zero)
            made = scheduler(DDPMScheduler, shape, zero)
            steps = [50, 990]
            each = torch.tensor(steps).repeat_interleave(FRAMES)
            ratio = bars / (1 - bars)
            least = np.minimum(ratio, 5)
            with np.errstate(invalid="ignore"):
                weights = {"eps": least / ratio, "v": least / (ratio + 1), "x0": least}
            case = {"name": shape, "zero": zero, "alphas": np.sqrt(bars)[PLACES].tolist()}
            case |= {"sigmas": np.sqrt(1 - bars)[PLACES].tolist(), "steps": steps}
            case |= {"noised": made.add_noise(clip(1), clip(2), each).ravel().tolist()}
            case |= {"velocity": made.get_velocity(clip(1), clip(2), each).ravel().tolist()}
            # Without any signal the weight for ε is 0 / 0.
            case["weights"] = {key: value[PLACES[:-1]].tolist() for key, value in weights.items()}
            result["schedules"].append(case)
    for steps in (1, 2, 3, 7, 15, 40, 50, 64, 250, 300, 999, 1000):
        made = scheduler(DDPMScheduler, "cosine", False)
        made.set_timesteps(steps)
        times = made.timesteps.tolist()
        assert len(times) == steps, "rounding gave diffusers a step too many"
        case = {"steps": steps, "first": times[:8], "last": times[-8:], "sum": sum(times)}
        result["spacings"].append(case)
    result["samplers"] = [sampled(*case) for case in SAMPLERS]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default="fixtures/train/diffusion.json", metavar="OUT.json")
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(expected(), separators=(",", ":")).replace('{"', '\n{"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
