"""How noise is added to clips and removed, as `Sources/Train/Diffusion`."""

import math

import numpy as np
import torch

from .files import PFrameError

SCHEDULES = ("cosine", "linear", "ldm-linear")
TARGETS = ("eps", "v", "x0")


class NoiseSchedule:
    """How much of the data and how much noise there is at every step: x_t = α_t x₀ + σ_t ε, α_t² + σ_t² = 1."""

    def __init__(self, shape: str = "cosine", steps: int = 1000, zero_terminal_snr: bool = False) -> None:
        """shape: `cosine` (Nichol & Dhariwal 2021, equation 17), `linear` (Ho et al. 2020) or `ldm-linear` (Rombach et
        al. 2022). zero_terminal_snr: the last step is noise alone (Lin et al. 2024, algorithm 1)."""
        if shape == "cosine":
            f = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * math.pi / 2) ** 2
            betas = np.minimum(1 - f[1:] / f[:-1], 0.999)
        elif shape == "linear":
            betas = np.linspace(1e-4, 0.02, steps)
        elif shape == "ldm-linear":
            betas = np.linspace(math.sqrt(0.00085), math.sqrt(0.012), steps) ** 2
        else:
            raise PFrameError(f"no noise schedule {shape}: choose one of {', '.join(SCHEDULES)}")
        alphas = np.sqrt(np.cumprod(1 - betas))
        if zero_terminal_snr:
            first, last = alphas[0], alphas[-1]
            alphas = (alphas - last) * (first / (first - last) if steps > 1 else 0)
        self.shape, self.steps, self.zero_terminal_snr = shape, steps, zero_terminal_snr
        self.alphas = torch.from_numpy(alphas)
        """√ᾱ_t, float64 (steps)."""
        self.sigmas = torch.from_numpy(np.sqrt(1 - alphas * alphas))
        """√(1 − ᾱ_t), float64 (steps)."""


class DiffusionProcess:
    """What a network predicts for a noised clip, and what follows from a prediction.

    Clips are (B, …). `steps` is one step of the schedule for all clips, or (B).
    """

    def __init__(self, schedule: NoiseSchedule, target: str = "v", min_snr: float | None = None) -> None:
        """target: `eps`, `v` (α ε − σ x₀) or `x0`. min_snr: γ of Hang et al. 2023; None weighs all steps alike."""
        if target not in TARGETS:
            raise PFrameError(f"no target {target}: choose one of {', '.join(TARGETS)}")
        if target == "eps" and schedule.zero_terminal_snr:
            raise PFrameError("zero terminal SNR wants the target v or x0")
        self.schedule, self.target_name, self.min_snr = schedule, target, min_snr

    def noised(self, x0: torch.Tensor, noise: torch.Tensor, steps: torch.Tensor | int) -> torch.Tensor:
        """x_t = α_t x₀ + σ_t ε."""
        alpha, sigma = self._levels(steps)
        return self._sum(x0, alpha, noise, sigma)

    def target(self, x0: torch.Tensor, noise: torch.Tensor, steps: torch.Tensor | int) -> torch.Tensor:
        """What the network should predict for x_t."""
        if self.target_name == "eps":
            return noise
        if self.target_name == "x0":
            return x0
        alpha, sigma = self._levels(steps)
        return self._sum(x0, -sigma, noise, alpha)

    def clean(self, prediction: torch.Tensor, x: torch.Tensor, steps: torch.Tensor | int) -> torch.Tensor:
        """The x₀ of a prediction for x_t."""
        if self.target_name == "x0":
            return prediction
        alpha, sigma = self._levels(steps)
        if self.target_name == "v":
            return self._sum(x, alpha, prediction, -sigma)
        return self._sum(x, 1 / alpha, prediction, -sigma / alpha)

    def loss_weights(self, steps: torch.Tensor | int) -> torch.Tensor:
        """The weight of a clip's squared error, float32, as many as steps and where they are."""
        alpha, sigma = self._levels(steps)
        ratio = (alpha / sigma).square()
        if self.min_snr is None:
            weights = torch.ones_like(ratio)
        elif self.target_name == "eps":
            weights = (self.min_snr / ratio).clamp(max=1)
        else:
            least = ratio.clamp(max=self.min_snr)
            weights = least / (ratio + 1) if self.target_name == "v" else least
        return weights.to(torch.as_tensor(steps).device, torch.float32)

    def _levels(self, steps: torch.Tensor | int) -> tuple[torch.Tensor, torch.Tensor]:
        places = torch.as_tensor(steps).cpu()
        return self.schedule.alphas[places], self.schedule.sigmas[places]

    @staticmethod
    def _sum(x: torch.Tensor, a: torch.Tensor, y: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """a x + b y, each clip with its own weights."""

        def weight(values: torch.Tensor) -> torch.Tensor:
            return values.to(x.device, x.dtype).reshape(values.shape + (1,) * (x.dim() - 1) if values.dim() else ())

        return x * weight(a) + y * weight(b)


def guided(given: torch.Tensor, empty: torch.Tensor, scale: float) -> torch.Tensor:
    """Classifier-free guidance (Ho & Salimans 2021): the prediction with captions, as far from the one without as
    `scale` says: 1 is no guidance, 0 ignores the captions."""
    return given * scale + empty * (1 - scale)
