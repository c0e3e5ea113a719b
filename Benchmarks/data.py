"""The parts of the benchmark that concern data sets: `pframe build` and the loader, beside what Python has for both."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from environment import Environment
from measure import CORES, BenchmarkError, Program, Usage, announce
from part import PEERS, Figure, Part, Row

PYTHON = ("av", "numpy", "opencv-python-headless", "webdataset"), "import av, numpy, cv2, webdataset"
VIDEOS = 8
VIDEO_SECONDS = 60
# A turn takes minutes, and its times are long enough to vary little.
BUILD_TURNS = 3
BUILD_TARGET = 2
REST_TARGET = 5
DECODING_TARGET = 1 / 1.3
SCALING_TARGET = 1.7
CAT_TARGET = 0.45
WEBDATASET_TARGET = 4
FIRST_LIMIT = 10


class Build(Part):
    name = "build"
    minutes = 14
    text = f"""
The table compares `pframe build` with a Python pipeline that makes the same clips of the same videos (PyAV, OpenCV,
numpy, webdataset: `Benchmarks/peers/build_pipeline.py`), and with ffmpeg decoding the videos, one process per video.
There are as many cores as jobs. First both programs build one video, and plain numpy rebuilds the frames from both
results; if a frame differs, nothing is measured. Whole processes run in turn, at most {BUILD_TURNS} times. Times are wall
times, including waits for the disk. "the rest" is pframe's time minus ffmpeg's time, and the pipeline's time minus the
time of its own decoding; a rest below 1 % counts as 1 %.
"""

    @property
    def output(self) -> Path:
        return self.options.work / "data-set"

    def clear(self) -> None:
        shutil.rmtree(self.output, ignore_errors=True)

    def measure(self) -> None:
        if not (python := self.python(Environment(self.options.work / "venv-data", *PYTHON))):
            return
        announce("preparing videos")
        clip = self.clips.looped(self.clips.one_reference(), VIDEO_SECONDS)
        videos = self.clips.copies(clip, 2 if self.options.check else VIDEOS)
        self.section.conditions.append(
            ("videos", f"{len(videos)} times one, {self.clips.description}, repeated to {VIDEO_SECONDS} s"))
        self.prove(python, videos[0])
        alone = self.race(python, videos, 1)
        self.compare_sources(videos)
        if len(CORES) < 2:
            self.skip("two jobs, there is one core")
            return
        both = self.race(python, videos, 2)
        self.section.rows.append(Row("2 jobs, s", both, "pframe, 1 job", alone, SCALING_TARGET))

    def prove(self, python: Path, video: Path) -> None:
        """Builds one video with both programs and rebuilds the frames from what they wrote."""
        announce("proving both data sets")
        for program in (self.building([video], 1), self.pipeline(python, [video], 1)):
            self.clear()
            self.run(replace(program, tidy=lambda: None))
            shards = sorted(self.output.glob("*.tar"))
            answer = self.run(Program([python, PEERS / "rebuild_shards.py", *shards]), (0, 1))
            found = json.loads(answer.output)
            if not found["samples"] or found["frames_that_differ"]:
                raise BenchmarkError(f"{' '.join(program.command)}: clips that do not rebuild: {answer.output}")
        self.clear()

    def race(self, python: Path, videos: Sequence[Path], jobs: int) -> Figure:
        """Adds the lines of so many jobs; pframe's time."""
        label = f"{jobs} {'job' if jobs == 1 else 'jobs'}"
        announce(f"build, {label}")
        usages = self.run_in_turn({
            "pframe": self.building(videos, jobs),
            "pipeline": self.pipeline(python, videos, jobs),
            "pipeline_decoding": self.pipeline(python, videos, jobs, "--decode-only"),
            "ffmpeg": self.decoding(videos, jobs),
        }, min(self.options.runs, BUILD_TURNS), warm_up=False)
        times = {name: [usage.wall for usage in found] for name, found in usages.items()}
        ours = Figure.of(times["pframe"])
        rests = [Figure.of([max(whole - part, whole / 100) for whole, part in zip(times[a], times[b], strict=True)])
                 for a, b in (("pframe", "ffmpeg"), ("pipeline", "pipeline_decoding"))]
        self.section.rows += [
            Row(f"{label}, s", ours, "Python pipeline", Figure.of(times["pipeline"]), BUILD_TARGET),
            Row(f"{label}, the rest, s", rests[0], "Python pipeline", rests[1], REST_TARGET),
            Row(f"{label}, s", ours, "ffmpeg decoding", Figure.of(times["ffmpeg"]), DECODING_TARGET),
        ]
        return ours

    def compare_sources(self, videos: Sequence[Path]) -> None:
        """Adds the lines of the other sources of motion beside h264."""
        announce("build, sources of motion")
        programs = {source: self.building(videos, 1, "--motion-source", source)
                    for source in ("h264", "search", "stream")}
        usages = self.run_in_turn(programs, min(self.options.runs, BUILD_TURNS), warm_up=False)
        times = {name: Figure.of([usage.wall for usage in found]) for name, found in usages.items()}
        self.section.rows += [Row(f"--motion-source {name}, 1 job, s", times[name], "h264", times["h264"])
                              for name in ("search", "stream")]

    def building(self, videos: Sequence[Path], jobs: int, *flags: str) -> Program:
        words = [self.options.pframe, "build", *videos, "--no-captions", "--output", self.output, "--jobs", jobs, *flags]
        return Program(words, self.clear, jobs)

    def pipeline(self, python: Path, videos: Sequence[Path], jobs: int, *flags: str) -> Program:
        script = [python, PEERS / "build_pipeline.py", self.output, *videos]
        return Program([*script, "--threads", 1, "--workers", jobs, *flags], self.clear, jobs)

    def decoding(self, videos: Sequence[Path], jobs: int) -> Program:
        """ffmpeg decoding each video on one thread, as many at once as there are jobs."""
        names = self.options.work / "videos.txt"
        names.write_bytes(b"".join(str(video).encode() + b"\0" for video in videos))
        ffmpeg = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", "{}", "-map", "0:v:0", "-f", "null", "-"]
        return Program(["xargs", "--null", "--arg-file", names, "--max-procs", jobs, "-I", "{}", *ffmpeg], cores=jobs)


class Loader(Part):
    name = "loader"
    minutes = 2
    text = """
The programs read shards of noise with the shapes of a built data set, 1.49 MB per record
(`Benchmarks/peers/webdataset_loader.py`), from the page cache on two cores, in turn. pframe shuffles, checks and makes
batches of 8. webdataset reads in the order of the files; "raw" and "decoded" make no batches. Times are measured inside
the programs, without their start.
"""

    def measure(self) -> None:
        if not (python := self.python(Environment(self.options.work / "venv-data", *PYTHON))):
            return
        announce("preparing shards")
        shards = 2 if self.options.check else 8
        folder = self.options.work / f"shards-{shards}"
        script = [python, PEERS / "webdataset_loader.py", "--shards", shards]
        self.run(Program([*script, "make", folder]))
        self.run(Program([self.options.pframe, "index", folder]))
        announce("loader")
        cores = min(2, len(CORES))
        programs = {"pframe": Program([self.options.pframe, "bench-loader", folder, "--json"], cores=cores)}
        for name in ("cat", "raw", "decode", "batched"):
            programs[name] = Program([*script, name, folder], cores=cores)
        usages = self.run_in_turn(programs)
        answers = {name: [answer(usage) for usage in found] for name, found in usages.items()}

        def rates(name: str) -> Figure:
            return Figure.of([found["bytes_per_second"] / 1e9 for found in answers[name]])

        for name, peer, target in (
            ("cat", "cat", CAT_TARGET),
            ("raw", "webdataset, raw", None),
            ("decode", "webdataset, decoded", WEBDATASET_TARGET),
            ("batched", "webdataset, batches", None),
        ):
            self.section.rows.append(Row("read, GB/s", rates("pframe"), peer, rates(name), target, is_rate=True))
        ours, theirs = (Figure.of([found[key] for found in answers[name]])
                        for name, key in (("pframe", "first_sample_ms"), ("decode", "first_ms")))
        self.section.rows.append(Row("first sample, ms", ours, "webdataset, decoded", theirs, limit=FIRST_LIMIT))


def answer(usage: Usage) -> dict:
    """The line of JSON that a program printed."""
    try:
        return json.loads(usage.output)
    except ValueError as error:
        raise BenchmarkError(f"not one line of JSON: {usage.output[:200]!r}") from error
