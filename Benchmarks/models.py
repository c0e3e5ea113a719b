"""The parts of the benchmark that concern models: steps of training and sampling, beside the U-Net that people use."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from environment import Environment
from measure import CORES, BenchmarkError, Program, Usage, announce, busy
from part import PEERS, Figure, Part, Row

# The package wants torchvision for its data set, of which nothing is used here.
PYTHON = (
    ("torch==2.13.*", "numpy", "einops", "einops-exts", "rotary-embedding-torch", "tqdm", "pillow"),
    "import torch, einops, einops_exts, rotary_embedding_torch, tqdm, PIL; "
    "from importlib.metadata import version; version('video-diffusion-pytorch')",
    ("video-diffusion-pytorch",),
)
# What the paper's ED-VDM diffuses, of clips of 16 frames of 128×128: channels in and out, frames, pixels a side.
SHAPE = {"inputs": 34, "outputs": 18, "frames": 15, "size": 8}
PRECISIONS = ("float32", "bfloat16")
WIDTHS = {"paper": 192, "compact": 32}
# Counted steps of one process; processes run in turn, because the speed of a machine drifts.
STEPS = 2
FLOAT_TARGET = 2
BFLOAT_TARGET = 3
PEAK_TARGET = 0.3
BUSY = 3
BUSY_TARGET = 0.25
FLOP_TARGET = 110
TIME_TARGET = 60
MEMORY_TARGET = 3.3


@dataclass(frozen=True)
class Steps:
    """What the processes of a program said of their steps: seconds, the arithmetic of one in GFLOP, the memory of each
    process in MB and, where the program is ours, its best matrix product in GFLOP/s."""

    seconds: Figure
    arithmetic: float
    memory: Figure
    peak: Figure | None

    @classmethod
    def of(cls, usages: Sequence[Usage]) -> "Steps":
        try:
            found = [json.loads(usage.output) for usage in usages]
            peaks = [answer["peak"] for answer in found if "peak" in answer]
            return cls(
                Figure.of([second for answer in found for second in answer["seconds"]]), found[0]["gflop"],
                Figure.of([usage.peak for usage in usages]), Figure.of(peaks) if peaks else None)
        except (ValueError, KeyError) as error:
            raise BenchmarkError(f"not the line of JSON that was expected: {usages[0].output[:200]!r}") from error

    @property
    def rate(self) -> Figure:
        """GFLOP/s."""
        seconds = self.seconds
        least, middle, most = (self.arithmetic / value for value in (seconds.most, seconds.median, seconds.least))
        return Figure(least, middle, most, seconds.runs)


class ModelPart(Part):
    """A part that times steps of models."""

    @property
    def preset(self) -> str:
        return "compact" if self.options.check else "paper"

    @property
    def batch(self) -> int:
        return 2 if self.options.check else 8

    @property
    def peer_limit(self) -> int:
        """Seconds for Unet3D in bfloat16: gradients of its convolutions take minutes without matrix units."""
        return 20 if self.options.check else 120

    def ours(self, model: str, batch: int, *flags: str, steps: int = STEPS) -> Program:
        words = [self.beside("ModelBenchmark"), model, "--preset", self.preset, *common(batch, steps), *flags]
        return Program(words, cores=threads())

    def theirs(self, python: Path, *flags: str) -> Program:
        shape = [word for name, value in SHAPE.items() for word in (f"--{name}", value)]
        limit = ["timeout", self.peer_limit] if "--bfloat16" in flags else []
        words = [*limit, python, PEERS / "unet3d_step.py", "--width", WIDTHS[self.preset], *shape]
        return Program([*words, *common(self.batch, STEPS), *flags], cores=threads())

    def race(self, *flags: str) -> dict[str, Steps]:
        """ED-VDM beside Unet3D of the same widths, in both precisions: adds the lines that training and sampling share,
        and returns what was measured of ED-VDM."""
        self.section.conditions.append(("libtorch", libtorch_version()))
        python = self.python(Environment(self.options.work / "venv-models", *PYTHON))
        programs = {kind: self.ours("ed-vdm", self.batch, *flags, "--precision", kind) for kind in PRECISIONS}
        if python:
            programs["Unet3D, float32"] = self.theirs(python, *flags)
            autocast = self.theirs(python, *flags, "--bfloat16")
            announce("Unet3D, bfloat16")
            # 124 is timeout's own status.
            if self.run(autocast, (0, 124)).output:
                programs["Unet3D, bfloat16"] = autocast
            else:
                self.skip(f"Unet3D, bfloat16, whose {STEPS + 1} steps did not end within {self.peer_limit} s")
        announce("ED-VDM beside Unet3D")
        found = {name: Steps.of(usages) for name, usages in self.run_in_turn(programs, warm_up=False).items()}
        step = f"step, batch {self.batch}"
        if python:
            best = min(found.keys() - PRECISIONS, key=lambda name: found[name].seconds.median)
            pairs = ("float32", "Unet3D, float32", FLOAT_TARGET), ("bfloat16", best, BFLOAT_TARGET)
            for ours, peer, target in pairs:
                row = Row(f"{step}, {ours}, s", found[ours].seconds, peer, found[peer].seconds, target)
                self.section.rows.append(row)
            self.section.rows.append(Row(
                f"memory, batch {self.batch}, float32, MB", found["float32"].memory, "Unet3D, float32",
                found["Unet3D, float32"].memory))
        return found


class Training(ModelPart):
    name = "training"
    minutes = 8
    text = f"""
A step is a training step of ED-VDM (Efficient Decoupled Video Diffusion Model, [page](ed-vdm.md)) on random clips at
the paper's size (`--preset paper`, 16 frames of 128×128), on two threads: forward, backward, clipping, AdamW and the
moving average of the weights. Unet3D is the network of video-diffusion-pytorch with the same widths; its attention and
text differ in detail. Our bfloat16 is compared with the faster of Unet3D's float32 and bfloat16 autocast. Programs run
in turn, {STEPS} steps each time after one uncounted step; "runs" counts steps. GEMM peak is the fastest product of
square matrices up to 4096×4096 in the same process and precision. Memory is the largest resident set, weights and
program included. "compact beside {BUSY} busy processes" trains preset `compact` while other processes compute on the
same cores; the ratio is the share of the undisturbed speed.
"""

    def measure(self) -> None:
        for precision, steps in self.race().items():
            if steps.peak:
                measured = f"speed, {precision}, GFLOP/s"
                row = Row(measured, steps.rate, "GEMM peak", steps.peak, PEAK_TARGET, is_rate=True)
                self.section.rows.append(row)
        self.beside_busy_processes()

    def beside_busy_processes(self) -> None:
        """Adds the line on a machine that is not ours alone."""
        announce(f"ED-VDM compact, alone and beside {BUSY} busy processes")
        batch, steps = (2, 2) if self.options.check else (8, 10)
        words = [self.beside("ModelBenchmark"), "ed-vdm", *common(batch, steps), "--peak-seconds", "0"]
        program = Program(words, cores=threads())
        alone: list[Usage] = []
        beside: list[Usage] = []
        for _ in range(self.options.runs):
            alone.append(self.run(program))
            with busy(BUSY, program.cores):
                beside.append(self.run(program))
        ours, theirs = (Steps.of(usages).rate for usages in (beside, alone))
        self.section.rows.append(Row(
            f"compact beside {BUSY} busy processes, GFLOP/s", ours, "alone", theirs, BUSY_TARGET, is_rate=True))


class Sampling(ModelPart):
    name = "sampling"
    minutes = 12
    text = """
A step is one evaluation of the network; everything else is as in training. VDM diffuses the pixels of the same clips
with the same code, in float32. VDM runs once, because a step of 8 clips takes minutes. Unet3D does not run at VDM's
size, because its steps did not end. VDM's share of the machine's fastest matrix product shows instead how fast our VDM
is.
"""

    def measure(self) -> None:
        latents = {self.batch: self.race("--sampling")["float32"]}
        announce("ED-VDM, batch 1")
        alone = self.run_in_turn({"ed-vdm": self.ours("ed-vdm", 1, "--sampling")}, warm_up=False)
        latents[1] = Steps.of(alone["ed-vdm"])
        for batch, steps in ((1, STEPS), (self.batch, 1)):
            announce(f"VDM, batch {batch}")
            # -9: the kernel kills what takes more memory than there is.
            usage = self.run(self.ours("vdm", batch, "--sampling", steps=steps), (0, -9))
            if not usage.output:
                self.skip(f"VDM in batches of {batch}, which takes more memory than there is")
                continue
            self.compare(batch, latents[batch], Steps.of([usage]))

    def compare(self, batch: int, latents: Steps, pixels: Steps) -> None:
        """Adds the lines of ED-VDM beside VDM; batches of 1 have no target."""
        time, memory = (TIME_TARGET, MEMORY_TARGET) if batch > 1 else (None, None)
        self.section.rows += [
            Row(f"step, batch {batch}, s", latents.seconds, "VDM", pixels.seconds, time),
            Row(f"memory, batch {batch}, MB", latents.memory, "VDM", pixels.memory, memory),
            Row(f"a clip, batch {batch}, GFLOP", Figure.of([latents.arithmetic / batch]), "VDM",
                Figure.of([pixels.arithmetic / batch]), FLOP_TARGET),
            Row(f"VDM, batch {batch}, GFLOP/s", pixels.rate, "GEMM peak", pixels.peak, is_rate=True),
        ]


def threads() -> int:
    return min(2, len(CORES))


def common(batch: int, steps: int) -> list[str | int]:
    """The options that our program and the peer share."""
    return ["--batch", batch, "--threads", threads(), "--runs", steps]


def libtorch_version() -> str:
    """The version of the libtorch that the programs are built with, as its Python part says."""
    file = Path(os.environ.get("LIBTORCH", ".libtorch/torch")) / "version.py"
    found = re.search(r"__version__ = '(.*)'", file.read_text()) if file.is_file() else None
    return found[1] if found else "not known"
