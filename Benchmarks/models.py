"""The parts of the benchmark that concern models: steps of training and sampling, beside the 3D U-Net that people use."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

from environment import Environment
from measure import CORES, BenchmarkError, Program, Spread, announce, run
from report import Report, Row

PEERS = Path(__file__).resolve().parent / "peers"
PACKAGES = ("torch==2.13.*", "numpy", "einops", "einops-exts", "rotary-embedding-torch", "tqdm", "pillow")
# It wants torchvision for its data set, of which nothing is used here.
BARE = ("video-diffusion-pytorch",)
MODULES = "import torch, einops, einops_exts, rotary_embedding_torch, tqdm, PIL; " \
    "from importlib.metadata import version; version('video-diffusion-pytorch')"
# What the paper's models diffuse, of clips of 16 frames of 128×128: channels in, channels out, frames, pixels a side.
ED_VDM = {"width": 192, "inputs": 34, "outputs": 18, "frames": 15, "size": 8}
VDM = {"width": 120, "inputs": 3, "outputs": 3, "frames": 16, "size": 128}
BATCH = 8
PEER_LIMIT = 120
FLOAT_TARGET = 2
BFLOAT_TARGET = 3
PEAK_TARGET = 0.30
FLOP_TARGET = 110
TIME_TARGET = 60
MEMORY_TARGET = 3.3
EQUIVALENT_TARGET = 0.8


@dataclass(frozen=True)
class Steps:
    """What a program said of its steps."""

    seconds: list[float]
    gflop: float
    memory: float
    peak: float | None

    @property
    def middle(self) -> float:
        return median(self.seconds)

    def text(self) -> str:
        return f"{Spread.of(self.seconds).text()} s" if self.middle >= 1 else (
            f"{Spread.of([second * 1000 for second in self.seconds]).text()} ms")


@dataclass
class ModelBenchmark:
    """The parts `training` and `sampling`; each adds its lines to the report."""

    options: argparse.Namespace
    report: Report

    @property
    def program(self) -> Path:
        return self.options.pframe.with_name("ModelBenchmark")

    @property
    def threads(self) -> int:
        return min(2, len(CORES))

    @cached_property
    def python(self) -> Path | None:
        environment = Environment(self.options.work / "venv-models", PACKAGES, MODULES, BARE)
        python = environment.python()
        versions = environment.versions(python) if python else "skipped"
        self.report.conditions.append(("Python peers of models", versions))
        return python

    def training(self) -> None:
        """A training step of ED-VDM at the paper's size beside Unet3D's of the same widths, in both precisions."""
        if not self.is_ready("training"):
            return
        self.race("training", [])
        for precision in ("float32", "bfloat16"):
            steps = self.ours("ed-vdm", BATCH, ["--precision", precision])
            share = steps.gflop / steps.middle / steps.peak
            text = f"{share:.2f}: {steps.gflop / steps.middle:.0f} of {steps.peak:.0f} GFLOP/s"
            self.row(f"ED-VDM training, {precision}, share of GEMM peak", text, PEAK_TARGET, share)

    def sampling(self) -> None:
        """An evaluation of ED-VDM's network beside Unet3D's, and beside VDM's at full size."""
        if not self.is_ready("sampling"):
            return
        self.race("sampling", ["--sampling"])
        for batch in (1, BATCH):
            if batch > 1 and self.options.check:
                continue
            latents = self.ours("ed-vdm", batch, ["--sampling"])
            pixels = self.ours("vdm", batch, ["--sampling"], runs=min(self.options.runs, 2 if batch == 1 else 1))
            if not pixels:
                continue
            ratios = [
                ("arithmetic", pixels.gflop / latents.gflop, FLOP_TARGET, f"{latents.gflop / batch:.1f} and "
                    f"{pixels.gflop / batch:.0f} GFLOP a clip"),
                ("time", pixels.middle / latents.middle, TIME_TARGET if batch == BATCH else None,
                    f"{latents.text()} and {pixels.text()}"),
                ("peak memory", pixels.memory / latents.memory, MEMORY_TARGET if batch == BATCH else None,
                    f"{latents.memory / 1e6:.0f} and {pixels.memory / 1e6:.0f} MB"),
            ]
            for name, ratio, target, text in ratios:
                self.row(f"VDM over ED-VDM, batch {batch}, {name}", f"{ratio:.1f}x: {text}", target, ratio)
            if batch == 1 and self.python:
                peer = self.peer(VDM, 1, ["--sampling"], runs=1)
                ratio = peer.middle / pixels.middle
                self.row("VDM sampling, batch 1, beside Unet3D", f"{ratio:.2f}x: {pixels.text()}, {peer.text()}",
                         EQUIVALENT_TARGET, ratio)

    def race(self, part: str, flags: Sequence[str]) -> None:
        """ED-VDM at the paper's size beside Unet3D of the same widths."""
        if not self.python:
            self.report.skipped.append(f"{part} of Unet3D, which needs pip and a network")
            return
        kinds = {"float32": [], "bfloat16": ["--bfloat16"]}
        ours = {kind: self.ours("ed-vdm", BATCH, [*flags, "--precision", kind]) for kind in kinds}
        peers = {kind: self.peer(ED_VDM, BATCH, [*flags, *words]) for kind, words in kinds.items()}
        best = min((kind for kind in peers if peers[kind]), key=lambda kind: peers[kind].middle)
        for kind, against, target in (("float32", "float32", FLOAT_TARGET), ("bfloat16", best, BFLOAT_TARGET)):
            ratio = peers[against].middle / ours[kind].middle
            text = f"{ratio:.2f}x: {ours[kind].text()}, Unet3D {against} {peers[against].text()}"
            self.row(f"ED-VDM {part} step, {kind}, beside Unet3D", text, target, ratio)
        ratio = peers["float32"].memory / ours["float32"].memory
        text = f"{ratio:.2f}x: {ours['float32'].memory / 1e6:.0f}, Unet3D {peers['float32'].memory / 1e6:.0f} MB"
        self.row(f"ED-VDM {part}, float32, peak memory beside Unet3D", text, None, ratio)

    def ours(self, model: str, batch: int, flags: Sequence[str], runs: int | None = None) -> Steps | None:
        command = [self.program, model, "--preset", "paper", "--batch", str(batch), "--threads", str(self.threads),
                   "--runs", str(runs or self.options.runs), *flags]
        return self.steps(f"{model}, batch {batch} {' '.join(flags)}", command)

    def peer(self, shape: dict[str, int], batch: int, flags: Sequence[str], runs: int | None = None) -> Steps | None:
        """None where its first steps do not end: without AMX, gradients of bfloat16 convolutions take PyTorch minutes."""
        words = [word for name, value in shape.items() for word in (f"--{name}", str(value))]
        limit = ["timeout", str(PEER_LIMIT)] if "--bfloat16" in flags else []
        command = [*limit, self.python, PEERS / "unet3d_step.py", *words, "--batch", str(batch),
                   "--threads", str(self.threads), "--runs", str(runs or self.options.runs), *flags]
        return self.steps(f"Unet3D, batch {batch} {' '.join(flags)}", command)

    def steps(self, name: str, command: Sequence[str | Path]) -> Steps | None:
        announce(name)
        # 124 is timeout's own status; the kernel kills what takes more memory than there is.
        usage = run(Program(name, command, cores=self.threads), (0, -9, 124) if command[0] == "timeout" else (0, -9))
        if not usage.output:
            self.report.skipped.append(f"{name}: more memory than there is, or no answer within {PEER_LIMIT} s")
            return None
        try:
            found = json.loads(usage.output)
            return Steps(found["seconds"], found["gflop"], usage.peak * 1e6, found.get("peak"))
        except (ValueError, KeyError) as error:
            raise BenchmarkError(f"{name}: not the line of JSON that was expected: {usage.output[:200]!r}") from error

    def row(self, name: str, text: str, target: float | None, value: float) -> None:
        wanted = "" if target is None else f">= {target:g}" if target < 1 else f">= {target:g}x"
        self.report.models.append(Row(name, text, wanted, None if target is None else value >= target))

    def is_ready(self, part: str) -> bool:
        if self.program.is_file():
            return True
        self.report.skipped.append(f"{part}, ModelBenchmark is not built: it needs libtorch (make deps)")
        return False
