"""The parts of the benchmark that concern data sets: `pframe build` and the loader, beside what Python has for both."""

import argparse
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median

from clips import Clips
from environment import Environment, imports
from measure import CORES, BenchmarkError, Pair, Program, Spread, Usage, announce, run, run_in_turn
from report import Report, Row, speed_row

PEERS = Path(__file__).resolve().parent / "peers"
PACKAGES = ("av", "numpy", "opencv-python-headless", "webdataset")
MODULES = "import av, numpy, cv2, webdataset"
VIDEOS = 8
VIDEO_SECONDS = 60
# A run of everything takes minutes, and its times are long enough to vary little.
BUILD_RUNS = 3
BUILD_TARGET = 2
REST_TARGET = 5
DECODING_TARGET = 1 / 1.3
SCALING_TARGET = 1.7
CAT_TARGET = 0.45
WEBDATASET_TARGET = 4
FIRST_TARGET = 10


@dataclass
class DataBenchmark:
    """The parts `build` and `loader`; each adds its lines to the report."""

    options: argparse.Namespace
    report: Report
    clips: Clips

    @cached_property
    def python(self) -> Path | None:
        environment = Environment(self.options.work / "venv-data", PACKAGES, MODULES)
        python = environment.python()
        versions = environment.versions(python) if python else "skipped"
        self.report.conditions.append(("Python peers of data sets", versions))
        return python

    @property
    def output(self) -> Path:
        return self.options.work / "data-set"

    def clear(self) -> None:
        shutil.rmtree(self.output, ignore_errors=True)

    def is_ready(self, part: str, *commands: str) -> bool:
        """Whether pframe has the commands and Python the peers; else the report says that the part was skipped."""
        lacking = [command for command in commands if not has_command(self.options.pframe, command)]
        if lacking:
            self.report.skipped.append(f"{part}, pframe has no command {' and no command '.join(lacking)}")
        elif not self.python:
            self.report.skipped.append(f"{part}, whose Python peers need pip and a network")
        return not lacking and self.python is not None

    def build(self) -> None:
        """`pframe build` beside the Python pipeline and ffmpeg decoding, with one job and with two."""
        if not self.is_ready("build", "build"):
            return
        announce("preparing videos")
        clip = self.clips.one_reference()
        clip = clip if self.options.check else self.clips.looped(clip, VIDEO_SECONDS)
        videos = self.clips.copies(clip, 2 if self.options.check else VIDEOS)
        length = "as it is" if self.options.check else f"of {VIDEO_SECONDS} s"
        self.report.conditions += [
            ("videos of data sets", f"{len(videos)} times the clip, {length}"),
            ("pframe build", "`pframe build VIDEO… --no-captions --output DIR --jobs N`"),
            ("Python pipeline", "`build_pipeline.py DIR VIDEO… --threads 1 --workers N`"),
        ]
        self.prove(videos[0])
        runs = {jobs: self.race(videos, jobs) for jobs in (1, 2) if jobs <= len(CORES)}
        if 2 not in runs:
            self.report.skipped.append("build with two jobs, there is one core")
            return
        for name, program, target in (("pframe build", "ours", SCALING_TARGET), ("ffmpeg decoding", "ffmpeg", None)):
            pair = Pair(runs[2][program], runs[1][program])
            self.report.builds.append(speed_row(f"2 jobs, {name} with 1 job", pair, "wall", target))

    def prove(self, video: Path) -> None:
        """Builds one video with both programs and rebuilds the frames from what they wrote."""
        announce("proving both data sets")
        texts, details = [], {}
        for name, program in (("pframe", self.building([video], 1)), ("pipeline", self.pipeline([video], 1))):
            self.clear()
            run(replace(program, tidy=lambda: None))
            shards = sorted(self.output.glob("*.tar"))
            answer = run(Program("rebuild_shards.py", [self.python, PEERS / "rebuild_shards.py", *shards]), (0, 1))
            details[name] = json.loads(answer.output)
            texts.append(f"{name} {details[name]['samples']} clips, {details[name]['frames_that_differ']} frames wrong")
        self.clear()
        met = all(found["samples"] and not found["frames_that_differ"] for found in details.values())
        row = Row("frames rebuilt from motion and residual", "; ".join(texts), "0 wrong", met, details)
        self.report.data.append(row)

    def race(self, videos: Sequence[Path], jobs: int) -> dict[str, list[Usage]]:
        announce(f"build, {jobs} {'job' if jobs == 1 else 'jobs'}")
        programs = {
            "ours": self.building(videos, jobs),
            "peer": self.pipeline(videos, jobs),
            "peer_decoding": self.pipeline(videos, jobs, "--decode-only"),
            "ffmpeg": self.decoding(videos, jobs),
        }
        runs = run_in_turn(programs, min(self.options.runs, BUILD_RUNS), warm_up=False)
        ours, peer, ffmpeg = runs["ours"], runs["peer"], runs["ffmpeg"]
        rest = Pair(less(ours, ffmpeg), less(peer, runs["peer_decoding"]))
        for name, pair, target in (
            ("Python pipeline", Pair(ours, peer), BUILD_TARGET),
            ("Python pipeline, both without decoding", rest, REST_TARGET),
            ("ffmpeg decoding alone", Pair(ours, ffmpeg), DECODING_TARGET),
        ):
            label = f"{jobs} {'job' if jobs == 1 else 'jobs'}, {name}"
            self.report.builds.append(speed_row(label, pair, "wall", target))
        return runs

    def building(self, videos: Sequence[Path], jobs: int) -> Program:
        command = [self.options.pframe, "build", *videos, "--no-captions", "--output", self.output, "--jobs", str(jobs)]
        return Program("pframe build", command, self.clear, jobs)

    def pipeline(self, videos: Sequence[Path], jobs: int, *flags: str) -> Program:
        script = [self.python, PEERS / "build_pipeline.py", self.output, *videos]
        command = [*script, "--threads", "1", "--workers", str(jobs), *flags]
        return Program("build_pipeline.py", command, self.clear, jobs)

    def decoding(self, videos: Sequence[Path], jobs: int) -> Program:
        """ffmpeg decoding each video on one thread, as many at once as there are jobs."""
        names = self.options.work / "videos.txt"
        names.write_bytes(b"".join(str(video).encode() + b"\0" for video in videos))
        ffmpeg = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", "{}", "-map", "0:v:0", "-f", "null", "-"]
        parallel = ["xargs", "--null", "--arg-file", names, "--max-procs", str(jobs), "-I", "{}"]
        return Program("ffmpeg", [*parallel, *ffmpeg], cores=jobs)

    def loader(self) -> None:
        """`pframe bench-loader` beside cat and webdataset, over the same shards."""
        if not self.is_ready("loader", "index", "bench-loader"):
            return
        announce("preparing shards")
        folder = self.options.work / "shards"
        script = PEERS / "webdataset_loader.py"
        run(Program("webdataset_loader.py make", [self.python, script, "make", folder]))
        run(Program("pframe index", [self.options.pframe, "index", folder]))
        announce("loader")
        cores = min(2, len(CORES))
        bench = [self.options.pframe, "bench-loader", folder, "--json"]
        programs = {"pframe": Program("pframe bench-loader", bench, cores=cores)}
        peers = {"cat": [], "raw": [], "decode": [], "batched": []}
        if imports(self.python, "import torch"):
            peers["decode, 2 workers"] = ["--workers", "2"]
        for name, flags in peers.items():
            command = [self.python, script, name.partition(",")[0], folder, *flags]
            programs[name] = Program(f"webdataset_loader.py {name}", command, cores=cores)
        usages = run_in_turn(programs, self.options.runs, warm_up=not self.options.check)
        self.report.data += load_rows({name: [answer(usage) for usage in runs] for name, runs in usages.items()})


def load_rows(answers: dict[str, list[dict[str, float]]]) -> list[Row]:
    """A line a program, then what pframe is judged by."""
    rows = []
    for name, runs in answers.items():
        samples, size = (median(run[key] for run in runs) for key in ("samples_per_second", "bytes_per_second"))
        label = name if name in ("pframe", "cat") else f"webdataset, {name}"
        rows.append(Row(label, f"{samples:,.0f} samples/s, {size / 1e9:.2f} GB/s", "", None, {"runs": runs}))

    def ratio(peer: str) -> Spread:
        pairs = zip(answers["pframe"], answers[peer], strict=True)
        return Spread.of([ours["samples_per_second"] / other["samples_per_second"] for ours, other in pairs])

    judged = (("share of cat", "cat", CAT_TARGET), ("times webdataset, decode", "decode", WEBDATASET_TARGET))
    for name, peer, target in judged:
        spread = ratio(peer)
        rows.append(Row(f"pframe, {name}", f"{spread.text()}x", f">= {target:.2f}x", spread.middle >= target))
    first = Spread.of([run["first_sample_ms"] for run in answers["pframe"]])
    rows.append(Row("pframe, first sample", f"{first.text()} ms", f"< {FIRST_TARGET} ms", first.middle < FIRST_TARGET))
    return rows


def answer(usage: Usage) -> dict[str, float]:
    """The numbers of the line of JSON that a program printed."""
    try:
        found = json.loads(usage.output)
        return {name: value for name, value in found.items() if isinstance(value, (int, float))}
    except (ValueError, AttributeError) as error:
        raise BenchmarkError(f"not one line of JSON: {usage.output[:200]!r}") from error


def less(wholes: Sequence[Usage], parts: Sequence[Usage]) -> list[Usage]:
    """What a part leaves of a whole, at least 1 % of it, run by run."""

    def rest(whole: float, part: float) -> float:
        return max(whole - part, whole / 100)

    return [
        replace(a, user=rest(a.user, b.user), system=rest(a.system, b.system), wall=rest(a.wall, b.wall))
        for a, b in zip(wholes, parts, strict=True)
    ]


def has_command(pframe: Path, name: str) -> bool:
    """Whether `pframe NAME --help` is about that command; for a name it does not know it shows the overview."""
    result = subprocess.run([pframe, name, "--help"], capture_output=True, text=True, check=False)
    return result.returncode == 0 and f"USAGE: pframe {name}" in result.stdout
