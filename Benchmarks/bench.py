#!/usr/bin/env python3
"""Measures pframe beside ffmpeg, PyAV, motion-vector-extractor, webdataset and PyTorch, and prints what was measured.

Needs ffmpeg with libx264 and a release build (`swift build -c release`). The Python peers are installed with pip into
virtual environments of the work folder; without a network they are skipped. The numbers decide nothing: the exit
status is 1 only where a program fails.
"""

import argparse
import json
import os
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clips import Clips
from data import DataBenchmark
from environment import Environment
from measure import BenchmarkError, Program, announce, capture, run, run_pair
from models import ModelBenchmark
from report import Report, Row, machine, speed_row

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "Benchmarks" / "peers"
PACKAGES = ("av", "numpy", "motion-vector-extractor")
MODULES = "import av, numpy; from mvextractor.videocap import VideoCap"
PARTS = ("extract", "search", "memory", "kernels", "build", "loader", "training", "sampling")
# Long enough for start-up to count little, short enough to wait for.
SPEED_SECONDS = 60
MEMORY_SECONDS = 20 * 60
MEMORY_TARGET = 200
RESIDUAL_FRAMES = 1500


@dataclass
class Benchmark:
    """The parts of a run that concern videos; each adds its lines to the report."""

    options: argparse.Namespace
    report: Report

    @cached_property
    def clips(self) -> Clips:
        return Clips(self.options.work, self.options.clips, self.options.check)

    @cached_property
    def python(self) -> Path | None:
        environment = Environment(self.options.work / "venv", PACKAGES, MODULES)
        python = environment.python()
        self.report.conditions.append(("Python peers", environment.versions(python) if python else "skipped"))
        return python

    @property
    def output(self) -> Path:
        return self.options.work / "output"

    def extraction(self, clip: Path, *flags: str, name: str = "pframe") -> Program:
        """`pframe extract`, writing below the work folder unless it discards."""
        target = [] if "--discard" in flags else ["--output", self.output, "--force"]
        return Program(name, [self.options.pframe, "extract", clip, *flags, *target], self.clear)

    def clear(self) -> None:
        shutil.rmtree(self.output, ignore_errors=True)

    def compare(self, name: str, ours: Program, peer: Program, judged_by: str, target: float) -> None:
        announce(name)
        pair = run_pair(ours, peer, self.options.runs, warm_up=not self.options.check)
        self.report.speeds.append(speed_row(name, pair, judged_by, target))

    def minute(self, clip: Path) -> Path:
        return clip if self.options.check else self.clips.looped(clip, SPEED_SECONDS)

    def extract(self) -> None:
        self.report.conditions += [
            ("pframe commands", "`pframe extract CLIP --output DIR --force`, `… --residual --discard`"),
            ("ffmpeg command", "`ffmpeg -v error -threads 1 -i CLIP -map 0:v:0 -f null -`"),
            ("Python commands", "`Benchmarks/peers/pyav_vectors.py`, `mv_extractor_vectors.py`: `CLIP OUT.npy`"),
        ]
        self.against_ffmpeg()
        if self.python:
            self.against_python(self.python)
        else:
            self.report.skipped.append("PyAV and motion-vector-extractor, which need pip and a network")

    def against_ffmpeg(self) -> None:
        announce("preparing clips")
        one = self.minute(self.clips.one_reference())
        four = self.minute(self.clips.four_references())
        residual = ("--residual", "--discard")
        parts = [
            ("vectors, ffmpeg decoding", one, (), 1.15),
            ("vectors + residual, 1 reference, ffmpeg decoding", one, residual, 0.5),
            ("vectors + residual, B-frames and 4 references, ffmpeg decoding", four, residual, 0.35),
        ]
        for name, clip, flags, target in parts:
            self.compare(name, self.extraction(clip, *flags), decoding(clip), "user", target)

    def against_python(self, python: Path) -> None:
        clip = self.minute(self.clips.one_reference())
        table = self.output.with_suffix(".npy")
        peers = [
            ("PyAV", ["pyav_vectors.py"]),
            ("motion-vector-extractor without pictures", ["mv_extractor_vectors.py"]),
            ("motion-vector-extractor as it comes", ["mv_extractor_vectors.py", "--pictures"]),
        ]
        for name, (script, *flags) in peers:
            peer = Program(name, [python, PEERS / script, clip, table, *flags], lambda: table.unlink(missing_ok=True))
            self.compare(f"vectors, {name}", self.extraction(clip), peer, "cpu", 2)

    def search(self) -> None:
        """Mean SAD of the estimated motion against full search."""
        if not self.python:
            self.report.skipped.append("the search loss, which needs pip and a network")
            return
        clips = [(self.clips.one_reference(), 8)]
        if small := self.clips.small():
            clips.insert(0, (small, 40))
        for clip, frames in clips:
            for source in ("search", "h264"):
                name = f"SAD of {source}, {size_of(clip)}"
                announce(name)
                run(Program("pframe", [*self.extraction(clip, "--motion-source", source).command]))
                script = ROOT / "Tests" / "Peers" / "search_sad.py"
                judged = [clip, self.output / clip.stem, "--frames", str(2 if self.options.check else frames)]
                # Status 1 says that the motion is poor: a number, not a failure.
                answer = run(Program("search_sad.py", [self.python, script, *judged]), (0, 1))
                sums = json.loads(answer.output)
                loss, gain = sums["sad"] / sums["full"], sums["zero"] / sums["sad"]
                text = f"{sums['sad']:.3f}: {loss:.3f}x full search, zero motion {gain:.2f}x this"
                self.report.others.append(Row(name, text, "", None, sums))
                self.clear()

    def memory(self) -> None:
        """Peak resident memory on a long file, also where it writes residuals."""
        if self.options.check:
            self.report.skipped.append("peak memory on a long file (--check)")
            return
        announce("preparing a file of 20 minutes")
        clip = self.clips.looped(self.clips.one_reference(), MEMORY_SECONDS)
        frames = ("--frames", str(RESIDUAL_FRAMES))
        parts = [
            ("peak memory, 20 minutes, vectors written", ()),
            ("peak memory, 20 minutes, residual discarded", ("--residual", "--discard")),
            (f"peak memory, {RESIDUAL_FRAMES} frames, residual.mkv written", ("--residual", *frames)),
        ]
        for name, flags in parts:
            announce(name)
            usage = run(self.extraction(clip, *flags))
            details = {"peak_mb": usage.peak, "cpu": usage.cpu, "wall": usage.wall}
            row = Row(name, f"{usage.peak:.0f} MB", f"< {MEMORY_TARGET} MB", usage.peak < MEMORY_TARGET, details)
            self.report.others.append(row)

    def kernels(self) -> None:
        program = self.options.pframe.with_name("KernelBenchmark")
        if not program.is_file():
            self.report.skipped.append("the kernels, KernelBenchmark is not built")
            return
        announce("kernels")
        quick = ["--quick"] if self.options.check else []
        self.report.kernels = run(Program("KernelBenchmark", [program, *quick])).output


def decoding(clip: Path) -> Program:
    """ffmpeg decoding the first video stream on one thread and dropping the pictures."""
    options = ["-v", "error", "-nostdin", "-threads", "1", "-i", clip, "-map", "0:v:0", "-f", "null", "-"]
    return Program("ffmpeg", ["ffmpeg", *options])


def size_of(clip: Path) -> str:
    entries = ["-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0:s=x"]
    return capture(["ffprobe", "-v", "error", *entries, str(clip)]).split()[0]


def is_stale(program: Path) -> bool:
    """Whether a source file of the package is newer than the program that is measured."""
    built = program.stat().st_mtime
    return any(path.stat().st_mtime > built for path in (ROOT / "Sources").rglob("*") if path.is_file())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="run each part once, quickly: shows that all of it works")
    parser.add_argument("--only", choices=PARTS, metavar="PART",
                        help=f"one part alone, and no --output: {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="counted runs of every program (%(default)s)")
    parser.add_argument("--clips", type=Path, default=ROOT.parent / "shared" / "clips", metavar="DIR",
                        help="folder of real clips; a clip is generated where it has none (../shared/clips)")
    parser.add_argument("--pframe", type=Path, default=ROOT / ".build" / "release" / "pframe", metavar="PATH",
                        help="the program, KernelBenchmark and ModelBenchmark beside it (.build/release/pframe)")
    parser.add_argument("--work", type=Path, default=ROOT / ".build" / "bench", metavar="DIR",
                        help="folder for made clips, results and the virtual environment (.build/bench)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every measurement as JSON")
    parser.add_argument("--output", type=Path, metavar="FILE", help="also write the tables as markdown")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs takes 1 or more")
    if options.check:
        options.runs = 1
    for name in ("clips", "pframe", "work"):
        setattr(options, name, getattr(options, name).absolute())
    return options


def measure_all(options: argparse.Namespace) -> Report:
    if not os.access(options.pframe, os.X_OK):
        raise BenchmarkError(f"{options.pframe} is missing: swift build -c release")
    stale = " (older than the sources: not the current code)" if is_stale(options.pframe) else ""
    if stale:
        print(f"warning: {options.pframe} is older than Sources; build again: swift build -c release", file=sys.stderr)
    options.work.mkdir(parents=True, exist_ok=True)
    report = Report(machine())
    benchmark = Benchmark(options, report)
    data, models = DataBenchmark(options, report, benchmark.clips), ModelBenchmark(options, report)
    owners = {"build": data, "loader": data, "training": models, "sampling": models}
    clip = "a real clip, 1280x720, 25 frames/s" if benchmark.clips.is_real else "a generated clip, 1280x720"
    length = "as it is" if options.check else f"repeated to {SPEED_SECONDS} s by copying packets"
    report.conditions += [
        ("clip", f"H.264, {clip}, {length}"),
        ("runs", "1, without warm-up (--check)" if options.check else f"{options.runs} of each program"),
        ("pframe", capture([str(options.pframe), "--version"]).strip() + stale),
        ("ffmpeg", capture(["ffmpeg", "-version"]).split()[2]),
    ]
    for part in [options.only] if options.only else PARTS:
        getattr(owners.get(part, benchmark), part)()
    return report


def main() -> int:
    options = parse()
    try:
        report = measure_all(options)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report.markdown(), end="")
    if options.only and options.output:
        print(f"{options.output} is not written: it holds all parts, this is --only {options.only}", file=sys.stderr)
        options.output = None
    for path, text in ((options.output, report.markdown()), (options.json, report.json() + "\n")):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
