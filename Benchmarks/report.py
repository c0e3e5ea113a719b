"""Lays the results out as text, markdown and JSON."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from measure import Pair, Spread, Usage


@dataclass(frozen=True)
class Row:
    """One line of the table; `met` is None where there is no target."""

    name: str
    result: str
    target: str
    met: bool | None
    details: dict[str, object] = field(default_factory=dict)
    times: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        return {None: "", True: "met", False: "MISSED"}[self.met]


@dataclass
class Report:
    """Everything one run of the benchmark says."""

    conditions: list[tuple[str, str]]
    speeds: list[Row] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)
    builds: list[Row] = field(default_factory=list)
    data: list[Row] = field(default_factory=list)
    models: list[Row] = field(default_factory=list)
    kernels: str = ""
    skipped: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        return self.speeds + self.others + self.builds + self.data + self.models

    @property
    def missed(self) -> list[Row]:
        return [row for row in self.rows if row.met is False]

    def summary(self) -> str:
        judged = [row for row in self.rows if row.met is not None]
        if not self.missed:
            return f"All {len(judged)} targets met."
        return f"{len(self.missed)} of {len(judged)} targets missed: {', '.join(row.name for row in self.missed)}."

    def markdown(self) -> str:
        lines = ["# Benchmarks", "", "Written by `make bench`; run it to measure your own machine.", ""]
        lines += table(("condition", "value"), self.conditions)
        if self.speeds:
            lines += ["", "## Speed", "", *SPEED_NOTES, "", *speed_table(self.speeds)]
        if self.others:
            lines += ["", "## Search and memory", "", *OTHER_NOTES, "", *other_table(self.others)]
        if self.builds or self.data:
            lines += ["", "## Data sets"]
        if self.builds:
            lines += ["", *BUILD_NOTES, "", *speed_table(self.builds)]
        if self.data:
            lines += ["", *LOAD_NOTES, "", *other_table(self.data)]
        if self.models:
            lines += ["", "## Models", "", *MODEL_NOTES, "", *other_table(self.models)]
        if self.kernels:
            lines += ["", "## Kernels", "", *KERNEL_NOTES, "", "```text", self.kernels.rstrip(), "```"]
        lines += ["", self.summary()]
        lines += [f"Skipped: {reason}." for reason in self.skipped]
        return "\n".join(lines) + "\n"

    def json(self) -> str:
        rows = [asdict(row) | {"verdict": row.verdict} for row in self.rows]
        return json.dumps(
            {"conditions": dict(self.conditions), "rows": rows, "kernels": self.kernels, "skipped": self.skipped},
            indent=1,
        )


SPEED_COLUMNS = ("comparison", "pframe, s", "peer, s", "user ratio", "CPU ratio", "wall ratio", "judged", "target", "")
OTHER_COLUMNS = ("measurement", "result", "target", "")
SPEED_NOTES = [
    "Whole processes, start-up included, each pinned to the same core; the two programs of a line run in turn after",
    "one uncounted run of each. Figures are least / median / most; a ratio is the peer's time over pframe's, run by",
    "run, so 2.00 is twice as fast. Seconds are user time against ffmpeg and CPU time (user + system) against the",
    "others; a target is met by the median of that ratio. ffmpeg decodes the video stream alone (no audio) and drops",
    "the pictures: it does less than pframe. `vectors` writes `motion.npy`, as the two Python peers do; `residual` is",
    "`--residual --discard`: all the work, nothing written.",
]
OTHER_NOTES = [
    "SAD is the mean luma difference a pixel of 16×16 blocks, over evenly spaced frames. Peak memory is the largest",
    "resident set of one process.",
]
BUILD_NOTES = [
    "`pframe build` beside a Python pipeline that makes the same of the same videos (PyAV, OpenCV, numpy, webdataset:",
    "`Benchmarks/peers/build_pipeline.py`) and beside ffmpeg decoding them, one process a video, on as many cores as",
    "there are jobs. Whole processes, in turn, up to three runs; seconds are wall time, which a target is met by, and",
    "include what pframe waits for the disk. `without decoding` takes from pframe's time that of ffmpeg decoding and",
    "from the pipeline's that of its own decoding alone; a rest below 1 % counts as 1 %. In the last lines the peer is",
    "the same program with one job.",
]
LOAD_NOTES = [
    "The clips of one video are rebuilt by plain numpy from the first frame, motion and residual that both programs",
    "wrote. Loading: shards of noise with the shapes of a built data set (`Benchmarks/peers/webdataset_loader.py`),",
    "read once from the page cache on two cores, in turn: pframe shuffled, checked and in batches of 8; webdataset in",
    "the order of the files, `raw` and `decode` without batches. Seconds are those inside the programs, without their",
    "start; figures are medians, and a ratio is taken run by run.",
]
MODEL_NOTES = [
    "Steps on random clips, least / median / most of those inside one process after one that does not count, on two",
    "threads: at the paper's sizes (`--preset paper`, 16 frames of 128×128), in batches of 8 where nothing else is said. A",
    "training step is forward, backward, clipping, AdamW and the moving average of weights; a sampling step is one",
    "evaluation of the network. Unet3D is video-diffusion-pytorch's, of the same widths, in float32 or under bfloat16",
    "autocast, whichever is faster where bfloat16 is compared; its attention and text differ in detail. GEMM peak: the",
    "best product of 4096×4096 matrices in the same process and precision. Memory is the largest resident set, weights",
    "and programs included.",
]
KERNEL_NOTES = [
    "C against a plain Swift loop over pointers, which the compiler vectorises for baseline x86-64, and against the",
    "one-pixel-at-a-time reference that the tests compare with.",
]


def speed_row(name: str, pair: Pair, judged_by: str, target: float | None) -> Row:
    """The line of a pair of programs; `judged_by` is user, cpu or wall."""
    ratios = {measure: pair.ratio(measure) for measure in ("user", "cpu", "wall")}
    judged = ratios[judged_by]
    seconds = [Spread.of([getattr(usage, judged_by) for usage in runs]).text() for runs in (pair.ours, pair.peer)]
    return Row(
        name,
        f"{judged.middle:.2f}x {judged_by}",
        "" if target is None else f">= {target:.2f}x",
        None if target is None else judged.middle >= target,
        {
            "ours": [plain(usage) for usage in pair.ours],
            "peer": [plain(usage) for usage in pair.peer],
            "ratios": {measure: asdict(spread) for measure, spread in ratios.items()},
        },
        (*seconds, *(ratio.text() for ratio in ratios.values())),
    )


def plain(usage: Usage) -> dict[str, float]:
    """A measurement without what the program printed."""
    return {"user": usage.user, "system": usage.system, "wall": usage.wall, "peak_mb": usage.peak}


def speed_table(rows: list[Row]) -> list[str]:
    return table(SPEED_COLUMNS, [(row.name, *row.times, row.result, row.target, row.verdict) for row in rows])


def other_table(rows: list[Row]) -> list[str]:
    return table(OTHER_COLUMNS, [(row.name, row.result, row.target, row.verdict) for row in rows])


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """A markdown table whose source is aligned too, so that it reads as text."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in (header, *rows)]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def machine() -> list[tuple[str, str]]:
    """What ran the benchmark."""
    processor = next(
        (line.split(":", 1)[1].strip() for line in lines_of("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    cores = sum(line.startswith("processor") for line in lines_of("/proc/cpuinfo"))
    memory = next((int(line.split()[1]) for line in lines_of("/proc/meminfo") if line.startswith("MemTotal")), 0)
    system = next(
        (line.split("=", 1)[1].strip().strip('"') for line in lines_of("/etc/os-release") if line.startswith("PRETTY")),
        platform.system(),
    )
    return [
        ("date", date.today().isoformat()),
        ("machine", f"{processor}, {cores} cores, {memory / 1048576:.0f} GiB"),
        ("system", f"{system}, {platform.machine()}"),
        ("load before", f"{os.getloadavg()[0]:.2f}: what else ran in the minute before; 0 is best"),
    ]


def lines_of(path: str) -> list[str]:
    """The lines of a file, none where it does not exist."""
    file = Path(path)
    return file.read_text().splitlines() if file.is_file() else []
