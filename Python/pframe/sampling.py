"""From noise to clips, as `Sources/Train/Diffusion/Sampler.swift`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .diffusion import NoiseSchedule
from .files import PFrameError
from .seeds import RandomSeed

SAMPLERS = ("dpm-solver++", "ddim", "ddpm")


@dataclass(frozen=True)
class SamplerStep:
    """One step of a sampler as weights: the next x = a x_t + b x₀(t) + c x₀(previous t) + d z."""

    time: int
    """The step t of the schedule at which the network is asked."""
    sample: float = 0.0
    """a, the weight of x_t."""
    clean: float = 1.0
    """b, the weight of the x₀ that follows from the prediction at t."""
    previous_clean: float = 0.0
    """c, the weight of the x₀ of the step before."""
    noise: float = 0.0
    """d, the weight of standard normal noise."""

    def __call__(
        self, x: torch.Tensor, clean: torch.Tensor, previous: torch.Tensor | None = None,
        noise: torch.Tensor | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """The next x. The last step gives x₀."""
        following = clean * self.clean
        if self.sample:
            following = following + x * self.sample
        if self.previous_clean and previous is not None:
            following = following + previous * self.previous_clean
        if self.noise:
            if noise is None:
                raise PFrameError("the sampler adds noise: give `noise` to each step")
            following = following + noise * self.noise
        return following


def sampler_steps(
    schedule: NoiseSchedule, steps: int = 50, sampler: str = "dpm-solver++", eta: float = 0
) -> list[SamplerStep]:
    """The steps of a sampler, the noisiest first (Lin et al. 2024, "trailing").

    sampler: `dpm-solver++` (DPM-Solver++(2M), Lu et al. 2022), `ddim` (Song et al. 2021; `eta` is the share of DDPM's
    noise that it adds) or `ddpm` (Ho et al. 2020).
    """
    if not 1 <= steps <= schedule.steps:
        raise PFrameError(f"{steps} sampling steps: take 1 to {schedule.steps}")
    if sampler not in SAMPLERS:
        raise PFrameError(f"no sampler {sampler}: choose one of {', '.join(SAMPLERS)}")
    if not 0 <= eta <= 1 or (eta and sampler != "ddim"):
        raise PFrameError(f"eta is {eta}: take 0 to 1 for ddim, and 0 for other samplers")
    times = [round(schedule.steps - index * (schedule.steps / steps)) - 1 for index in range(steps)]
    levels = [(schedule.alphas[time].item(), schedule.sigmas[time].item()) for time in times]
    plan = []
    for index, time in enumerate(times[:-1]):
        t, s = levels[index], levels[index + 1]
        if sampler == "ddpm":
            plan.append(_ddpm(time, t, s))
        elif sampler == "ddim":
            plan.append(_ddim(time, t, s, eta))
        else:
            plan.append(_dpm(time, t, s, levels[index - 1] if index else None))
    return [*plan, SamplerStep(times[-1])]


Level = tuple[float, float]
"""α and σ."""


def _ddpm(time: int, t: Level, s: Level) -> SamplerStep:
    """Posterior mean and variance β̃ (Ho et al. 2020, equation 7)."""
    kept = (t[0] / s[0]) ** 2
    variance = s[1] ** 2 / t[1] ** 2
    return SamplerStep(
        time, sample=t[0] / s[0] * variance, clean=s[0] * (1 - kept) / t[1] ** 2, noise=math.sqrt(variance * (1 - kept))
    )


def _ddim(time: int, t: Level, s: Level, eta: float) -> SamplerStep:
    """Song et al. 2021, equations 12 and 16."""
    noise = eta * s[1] / t[1] * math.sqrt(1 - (t[0] / s[0]) ** 2)
    sample = math.sqrt(max(s[1] ** 2 - noise**2, 0)) / t[1]
    return SamplerStep(time, sample=sample, clean=s[0] - sample * t[0], noise=noise)


def _dpm(time: int, t: Level, s: Level, previous: Level | None) -> SamplerStep:
    """Lu et al. 2022, algorithm 2; of first order where there is no step before, or one without signal."""

    def half_log_snr(level: Level) -> float:
        return (math.log(level[0]) if level[0] else -math.inf) - math.log(level[1])

    sample = s[1] / t[1]
    weight = s[0] - t[0] * sample
    lean = 0.0
    if previous is not None:
        lean = (half_log_snr(s) - half_log_snr(t)) / (2 * (half_log_snr(t) - half_log_snr(previous)))
    return SamplerStep(time, sample=sample, clean=weight * (1 + lean), previous_clean=-weight * lean)


def noise(shape: Sequence[int], seeds: Sequence[int], time: int | None = None) -> torch.Tensor:
    """Standard normal noise (B, T, C, h, w), float32, as `pframe sample` draws it for clips of these seeds.

    shape: (T, C, h, w) of a clip. time: None for the noise that sampling begins with, else the time of the
    `SamplerStep` that adds the noise.
    """
    frames, channels, height, width = shape
    draws = []
    for seed in map(RandomSeed, seeds):
        own = seed.mixed("noise") if time is None else seed.mixed("step").mixed(time)
        # Drawn in the order of Swift's channels-last tensors.
        draws.append(own.normal((frames, height, width, channels)).movedim(-1, 1))
    return torch.stack(draws)
