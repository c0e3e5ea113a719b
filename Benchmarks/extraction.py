"""The parts of the benchmark that concern extraction: its speed, its memory, how good the motion is, its kernels."""

import json
import shutil
from pathlib import Path

from environment import Environment
from measure import Program, announce, capture
from part import PEERS, Figure, Part, Row

PYTHON = ("av", "numpy", "motion-vector-extractor"), "import av, numpy; from mvextractor.videocap import VideoCap"
RESIDUAL = ("--residual", "--discard")
# Long enough for start-up to count little, short enough to wait for.
SPEED_SECONDS = 60
MEMORY_SECONDS = 20 * 60
MEMORY_LIMIT = 200
RESIDUAL_FRAMES = 1500


class ExtractingPart(Part):
    """A part that runs `pframe extract`."""

    @property
    def output(self) -> Path:
        return self.options.work / "output"

    def extraction(self, clip: Path, *flags: str) -> Program:
        """`pframe extract`, writing below the work folder unless it discards."""
        target = [] if "--discard" in flags else ["--output", self.output, "--force"]
        return Program([self.options.pframe, "extract", clip, *flags, *target], self.clear)

    def clear(self) -> None:
        shutil.rmtree(self.output, ignore_errors=True)

    def compare(
        self, measured: str, ours: Program, peer: str, theirs: Program, time: str, target: float | None = None
    ) -> None:
        """Measures two programs by the `time` of their Usage."""
        announce(f"{measured}, {peer}")
        usages = self.run_in_turn({"ours": ours, "theirs": theirs})
        figures = {name: Figure.of([getattr(usage, time) for usage in found]) for name, found in usages.items()}
        self.section.rows.append(Row(measured, peer=peer, target=target, **figures))


class Extraction(ExtractingPart):
    name = "extraction"
    minutes = 5
    text = """
The table shows whole processes on one core, start-up included. The two programs of a row run in turn after one
uncounted run of each program. Seconds are user time in rows with ffmpeg, and user plus system time in the other rows.
ffmpeg only decodes the video stream and drops the frames: it does less work than pframe. "vectors" writes `motion.npy`,
as the Python peers do. "and residual" is `--residual --discard`: all the work, without writing. "and 4 references" is
`--residual --discard` on a clip with B-frames and four references; the clip of the other rows has one reference.
mvextractor is motion-vector-extractor; it also makes frames by default.
"""

    def measure(self) -> None:
        announce("preparing clips")
        one = self.clips.looped(self.clips.one_reference(), SPEED_SECONDS)
        four = self.clips.looped(self.clips.four_references(), SPEED_SECONDS)
        self.section.conditions.append(("clip", f"{self.clips.description}, repeated to {SPEED_SECONDS} s"))
        self.compare("vectors, user s", self.extraction(one), "ffmpeg decoding", decoding(one), "user", 1.15)
        for measured, clip, target in (
            ("and residual, user s", one, 0.5),
            ("and 4 references, user s", four, 0.35),
        ):
            ours = self.extraction(clip, *RESIDUAL)
            self.compare(measured, ours, "ffmpeg decoding", decoding(clip), "user", target)
        if not (python := self.python(Environment(self.options.work / "venv", *PYTHON))):
            return
        table = self.output.with_suffix(".npy")
        for peer, script, *flags in (
            ("PyAV", "pyav_vectors.py"),
            ("mvextractor", "mv_extractor_vectors.py"),
            ("mvextractor, frames", "mv_extractor_vectors.py", "--pictures"),
        ):
            program = Program([python, PEERS / script, one, table, *flags], lambda: table.unlink(missing_ok=True))
            self.compare("vectors, CPU s", self.extraction(one), peer, program, "cpu", 2)


class Search(ExtractingPart):
    name = "search"
    minutes = 2
    text = """
SAD (sum of absolute differences) is the mean luma difference per pixel between 16×16 blocks and their predictions, over
evenly spaced frames. Full search tries every offset within ±15; zero motion predicts from the same position.
"""

    def measure(self) -> None:
        if not (python := self.python(Environment(self.options.work / "venv", *PYTHON))):
            return
        clips = [(self.clips.one_reference(), 8)]
        if small := self.clips.small():
            clips.insert(0, (small, 40))
        for clip, frames in clips:
            for source in ("search", "h264"):
                measured = f"SAD of {source}, {size_of(clip)}"
                announce(measured)
                self.run(Program(self.extraction(clip, "--motion-source", source).words))
                script = Path("Tests") / "Peers" / "search_sad.py"
                judged = [clip, self.output / clip.stem, "--frames", 2 if self.options.check else frames]
                # Status 1 says that the motion is poor: a number, not a failure.
                answer = self.run(Program([python, script, *judged]), (0, 1))
                sums = {name: Figure.of([value]) for name, value in json.loads(answer.output).items()}
                for peer, key, target in (("full search", "full", 1 / 1.15), ("zero motion", "zero", 2)):
                    self.section.rows.append(Row(measured, sums["sad"], peer, sums[key], target))
                self.clear()


class Memory(ExtractingPart):
    name = "memory"
    minutes = 2
    text = "The table shows the largest resident set of `pframe extract` over a 720p file of 20 minutes."

    def measure(self) -> None:
        announce("preparing a long file")
        clip = self.clips.looped(self.clips.one_reference(), MEMORY_SECONDS)
        for measured, flags in (
            ("vectors written, MB", ()),
            ("residual discarded, MB", RESIDUAL),
            (f"residual.mkv of {RESIDUAL_FRAMES} frames, MB", ("--residual", "--frames", str(RESIDUAL_FRAMES))),
        ):
            announce(measured)
            peak = self.run(self.extraction(clip, *flags)).peak
            self.section.rows.append(Row(measured, Figure.of([peak]), limit=MEMORY_LIMIT))


class Kernels(Part):
    name = "kernels"
    minutes = 1
    text = """
The table compares the C kernels with a plain Swift loop over pointers, which the compiler vectorises for baseline
x86-64, and with the one-pixel-at-a-time reference of the tests.
"""

    def measure(self) -> None:
        announce("kernels")
        quick = ["--quick"] if self.options.check else []
        self.section.output = self.run(Program([self.beside("KernelBenchmark"), *quick])).output


def decoding(clip: Path) -> Program:
    """ffmpeg decoding the first video stream on one thread and dropping the pictures."""
    options = ["-v", "error", "-nostdin", "-threads", "1", "-i", clip, "-map", "0:v:0", "-f", "null", "-"]
    return Program(["ffmpeg", *options])


def size_of(clip: Path) -> str:
    entries = ["-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0:s=x"]
    return capture(["ffprobe", "-v", "error", *entries, str(clip)]).split()[0]
