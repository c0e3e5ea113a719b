"""Runs of `pframe train`, opened as PyTorch modules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from .autoencoder import ResidualAutoencoder
from .clips import Autoencoder, Clip, DifferenceCodec, FrameCodec, MotionLatentCodec, decode_latents
from .conditioning import CaptionReader, FirstFrameEncoder, TextEncoder
from .conditional import ConditionalAutoencoder
from .denoiser import Condition, Denoiser
from .diffusion import SCHEDULES, TARGETS, DiffusionProcess, NoiseSchedule, guided
from .files import Members, PFrameError
from .motion import Array
from .motion_first import LatentNetwork, MotionFirst, TokenNetwork
from .sampling import SamplerStep, noise, sampler_steps
from .unet import UNet3D

FAMILIES = ("vae", "ed-vdm", "d-vdm", "vdm")
TEMPERATURE = 0.5
"""Of motion that comes first, as `pframe sample` draws it."""
CODINGS = ("residual", "conditional")
TEXTS = ("vocabulary", "labels", "clip", "none")
Network = TypeVar("Network", bound=nn.Module)
Codec = MotionLatentCodec | DifferenceCodec | FrameCodec


@dataclass
class Run:
    """A run: its networks, and what goes in and out of them."""

    folder: Path
    config: Members
    """`config.json`."""
    step: int
    """Steps of training that the weights have."""
    autoencoder: Autoencoder | None
    """The residual autoencoder of a vae, and the one that made the latents of an ED-VDM; else None."""
    denoiser: Denoiser | MotionFirst | None = None
    """The network of a diffusion model; None for a vae."""
    process: DiffusionProcess | None = None
    """Its noise schedule and target."""
    codec: Codec | None = None
    """From records to diffused clips and back."""

    @property
    def model(self) -> str:
        """`vae`, `ed-vdm`, `d-vdm` or `vdm`."""
        return self.config.text("model")

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """(T, C, h, w) of a diffused clip."""
        options = self.config.members("options")
        factor = 16 if self.model == "ed-vdm" else 1
        return (
            options.integer("frames", 2) - (self.model != "vdm"), _channels(self.model, options),
            options.integer("height", 1) // factor, options.integer("width", 1) // factor,
        )  # fmt: skip

    def to(self, device: torch.device | str) -> "Run":
        """Moves the networks."""
        for network in (self.autoencoder, self.denoiser):
            if network is not None:
                network.to(device)
        return self

    def decode(self, record: Mapping[str, Array]) -> Clip:
        """The clip of a record of latents: of `first.npy`, `mv.npy` and `latent.npy`."""
        if self.autoencoder is None:
            raise PFrameError(f"{self.folder}: {self.model} has no latents: give the run of a vae or an ed-vdm")
        return decode_latents(self.autoencoder, record["first.npy"], record["mv.npy"], record["latent.npy"])

    def sample(
        self, first: torch.Tensor, captions: Sequence[str] | torch.Tensor | None = None, *,
        seeds: Sequence[int] | None = None, steps: int = 50, guidance: float | None = None,
        sampler: str = "dpm-solver++", eta: float = 0, temperature: float = TEMPERATURE, residual_steps: int = 1,
    ) -> list[Clip]:  # fmt: skip
        """Clips of first frames and captions, as `pframe sample` makes them.

        first: uint8 (B, H, W, 3). captions: as of `Denoiser.condition`. seeds: one per clip; None for 0, 1, ….
        guidance: None for 2 with captions and 1 without. temperature: of motion that comes first, as
        of `TokenDiffusion.sample`. residual_steps: of its residuals, 1 for their mean.
        """
        x = self.diffuse(
            first, captions, seeds=seeds, steps=steps, guidance=guidance, sampler=sampler, eta=eta,
            temperature=temperature, residual_steps=residual_steps,
        )  # fmt: skip
        assert self.codec is not None
        return self.codec.rebuild(x, first)

    @torch.no_grad()
    def diffuse(
        self, first: torch.Tensor, captions: Sequence[str] | torch.Tensor | None = None, *,
        seeds: Sequence[int] | None = None, steps: int = 50, guidance: float | None = None,
        sampler: str = "dpm-solver++", eta: float = 0, temperature: float = TEMPERATURE, residual_steps: int = 1,
    ) -> torch.Tensor:  # fmt: skip
        """The diffused clips x₀, (B, T, C, h, w), that `sample` makes clips of. Parameters as of `sample`."""
        if self.denoiser is None or self.process is None or self.codec is None:
            raise PFrameError(f"{self.folder}: holds a vae, which has no samples: give the run of a diffusion model")
        seeds = range(len(first)) if seeds is None else seeds
        size = tuple(self.config.members("options").integer(name) for name in ("height", "width"))
        if tuple(first.shape) != (len(seeds), *size, 3):
            raise PFrameError(
                f"first frames are {tuple(first.shape)}: {len(seeds)} seeds and this run take "
                f"({len(seeds)}, {size[0]}, {size[1]}, 3)"
            )
        if guidance is None:
            guidance = 1 if captions is None else 2
        if guidance != 1 and captions is None:
            raise PFrameError("guidance follows captions: give captions, or guidance 1")
        model = self.denoiser
        given = model.condition(first, captions)
        empty = model.condition(first) if guidance != 1 else None
        if isinstance(model, Denoiser):
            if temperature != TEMPERATURE or residual_steps != 1:
                raise PFrameError("temperature and residual_steps are for motion that comes first: this run has none")

            def predict(x: torch.Tensor, time: int) -> torch.Tensor:
                predicted = model(x, time, given)
                return predicted if empty is None else guided(predicted, model(x, time, empty), guidance)

            plan = sampler_steps(self.process.schedule, steps, sampler, eta)
            return self._denoised(predict, self.clip_shape, seeds, plan)
        vectors, coded = self._motion(model, given, empty, guidance, seeds, steps, temperature)
        guide = model.latents.guide(first.to(vectors.device), vectors, coded)
        gate = coded[:, :, None]

        def denoise(x: torch.Tensor, time: int) -> torch.Tensor:
            return model.latents(x * gate, guide, torch.full((len(x),), time).to(x), given)

        plan = sampler_steps(self.process.schedule, residual_steps, sampler, eta)
        frames, channels, height, width = self.clip_shape
        latents = self._denoised(denoise, (frames, channels - 2, height, width), seeds, plan)
        return torch.cat([vectors.movedim(-1, 2), latents * gate], 2)

    def _denoised(
        self, predict: Callable[[torch.Tensor, int], torch.Tensor], shape: tuple[int, int, int, int],
        seeds: Sequence[int], plan: Sequence[SamplerStep],
    ) -> torch.Tensor:  # fmt: skip
        """What a sampler makes of noise."""
        assert self.denoiser is not None and self.process is not None and self.codec is not None
        device = next(self.denoiser.parameters()).device
        x, previous = noise(shape, seeds).to(device), None
        for step in plan:
            predicted = predict(x, step.time)
            clean = self.process.clean(predicted, x, step.time).clamp(-self.codec.clipping, self.codec.clipping)
            added = noise(shape, seeds, step.time).to(device) if step.noise else None
            x, previous = step(x, clean, previous, added), clean
        return x

    def _motion(
        self, model: MotionFirst, given: Condition, empty: Condition | None, guidance: float, seeds: Sequence[int],
        rounds: int, temperature: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        """The vectors (B, T, h, w, 2) and coded blocks (B, T, h, w) of a model that draws motion first."""

        def predict(tokens: torch.Tensor, share: float) -> list[torch.Tensor]:
            logits = list(model.logits(tokens, share, given))
            if empty is None:
                return logits
            return [guided(*pair, guidance) for pair in zip(logits, model.logits(tokens, share, empty))]

        frames, _, height, width = self.clip_shape
        device = next(model.parameters()).device
        tokens = model.tokens.sample(
            (frames, height, width), seeds, predict, rounds=rounds, temperature=temperature, device=device
        )
        return model.blocks(tokens)


def load(folder: str | Path, weights: str = "average") -> Run:
    """Opens a run of `pframe train`.

    weights: `average` for the moving average, which `pframe sample` uses, or `weight` for the weights of the last step.
    Raises PFrameError if the folder holds no run, or a part of it is missing or damaged.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise PFrameError(f"{folder}: is not a run: no config.json (`pframe train` makes one)")
    if weights not in ("average", "weight"):
        raise PFrameError(f"no weights {weights}: choose average or weight")
    config = Members.read(folder / "config.json")
    model = config.text("model")
    if model not in FAMILIES:
        raise PFrameError(f"{config.path}: names the model {model}; this package knows {', '.join(FAMILIES)}")
    if model == "vae":
        autoencoder = _built(config, _autoencoder)
        return Run(folder, config, _fill(autoencoder, folder, model, weights), autoencoder)
    options = config.members("options")
    denoiser = _built(config, _denoiser)
    step = _fill(denoiser, folder, model, weights)
    schedule = NoiseSchedule(options.text("schedule", SCHEDULES), zero_terminal_snr=options.flag("zero_terminal_snr"))
    min_snr = options.number("min_snr") if "min_snr" in options else None
    process = DiffusionProcess(schedule, options.text("target", TARGETS), min_snr)
    if model != "ed-vdm":
        return Run(folder, config, step, None, denoiser, process, FrameCodec() if model == "vdm" else DifferenceCodec())
    if not (folder / "vae" / "config.json").is_file():
        raise PFrameError(f"{folder / 'vae'}: the vae that turns latents into video is missing: copy its run there")
    # The run holds only the average of the weights of its vae.
    autoencoder = load(folder / "vae").autoencoder
    if autoencoder is None:
        raise PFrameError(f"{folder / 'vae'}: holds no vae: copy the run of `pframe train vae` there")
    statistics = config.members("statistics")
    means, deviations = (statistics.items(name, (int, float)) for name in ("means", "deviations"))
    if {len(means), len(deviations)} != {_channels(model, options)} or min(deviations) <= 0:
        raise PFrameError(f'{config.path}: has no valid "statistics": it is damaged')
    least = statistics.number("least_norm") if "least_norm" in statistics else None
    codec = MotionLatentCodec(means, deviations, statistics.integer("radius"), autoencoder, least)
    return Run(folder, config, step, autoencoder, denoiser, process, codec)


def _channels(model: str, options: Members) -> int:
    """Channels of a diffused clip."""
    return 2 + options.integer("latent_channels", 1) if model == "ed-vdm" else 3


def _built(config: Members, build: Callable[[Members], Network]) -> Network:
    """A network; numbers that no network can have are an error."""
    try:
        return build(config)
    except (ValueError, IndexError, ZeroDivisionError, RuntimeError) as error:
        raise PFrameError(f"{config.path}: its options describe no network: it is damaged ({error})") from error


def _autoencoder(config: Members) -> Autoencoder:
    options = config.members("options")
    # Runs that were made before there was a choice do not name their coding.
    if "coding" in options and options.text("coding", CODINGS) == "conditional":
        return ConditionalAutoencoder(options.integer("latent_channels", 5))
    return ResidualAutoencoder(
        options.integer("patch", 1), options.items("widths", int), options.integer("blocks", 1),
        options.integer("latent_channels", 1),
    )  # fmt: skip


def _denoiser(config: Members) -> Denoiser | MotionFirst:
    options = config.members("options")
    channels, kind = _channels(config.text("model"), options), options.text("text", TEXTS)
    text_width = options.integer("text_width", 1)
    features = options.integer("first_frame_channels", 1)
    unet_width = options.integer("unet_width", 1)

    def unet(inputs: int, outputs: int) -> UNet3D:
        return UNet3D(
            unet_width, options.items("multiples", int), inputs, outputs,
            options.integer("frames", 2) - (config.text("model") != "vdm"), text=0 if kind == "none" else text_width,
            conditions=features, heads=options.integer("heads", 1),
        )  # fmt: skip

    widths = options.items("first_frame_widths", int)
    first_frame = FirstFrameEncoder(widths, options.integer("first_frame_blocks"), features) if widths else None
    captions = CaptionReader.of(config, kind) if kind in ("vocabulary", "labels") else None
    text = None
    if kind != "none":
        # The checkpoint says how wide CLIP's features are.
        entries = captions.entries if captions else _shape(config.path.parent, "average.text.features.weight")[1]
        text = TextEncoder(kind, entries, text_width)
    if "motion_radius" not in options:
        return Denoiser(unet(channels, channels), first_frame, text, captions)
    radius, latent = options.integer("motion_radius"), channels - 2
    classes = (2 * radius + 1, 2 * radius + 1, 2)
    motion = TokenNetwork(unet(unet_width, sum(classes)), unet_width, classes)
    latents = LatentNetwork(unet(latent + unet_width + 3, latent), unet_width, radius)
    return MotionFirst(motion, latents, first_frame, text, captions)


def _open(folder: Path) -> safe_open:
    path = folder / "checkpoint.safetensors"
    if not path.is_file():
        raise PFrameError(f"{path}: the run has no checkpoint yet: train it for longer")
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise PFrameError(f"{path}: is damaged: {error}") from error


def _shape(folder: Path, name: str) -> list[int]:
    with _open(folder) as file:
        if name not in file.keys():
            raise PFrameError(f"{folder / 'checkpoint.safetensors'}: has no tensor {name}")
        return file.get_slice(name).get_shape()


def _fill(network: nn.Module, folder: Path, model: str, weights: str) -> int:
    """Copies a checkpoint into a network of evaluation mode without gradients, and gives its step."""
    path = folder / "checkpoint.safetensors"
    with _open(folder) as file:
        metadata = file.metadata() or {}
        if metadata.get("model") != model:
            raise PFrameError(f"{path}: holds the model {metadata.get('model')}, not {model}")
        names = {name.removeprefix(f"{weights}.") for name in file.keys() if name.startswith(f"{weights}.")}
        parameters = dict(network.named_parameters())
        if missing := sorted(parameters.keys() - names):
            raise PFrameError(f"{path}: has no tensor {weights}.{missing[0]}: it is of another model or version")
        if unknown := sorted(names - parameters.keys()):
            raise PFrameError(f"{path}: {weights}.{unknown[0]} is of no network that config.json describes")
        for name, parameter in parameters.items():
            values = file.get_tensor(f"{weights}.{name}")
            if values.shape != parameter.shape or values.dtype != torch.float32:
                raise PFrameError(
                    f"{path}: {weights}.{name} is {values.dtype} {list(values.shape)}, but config.json wants float32 "
                    f"{list(parameter.shape)}"
                )
            if not bool(values.isfinite().all()):
                raise PFrameError(f"{path}: {weights}.{name} holds NaN or infinity: take an older run")
            parameter.data = values
    network.eval().requires_grad_(False)
    return int(metadata.get("step", 0))
