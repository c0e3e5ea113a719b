"""The part of the benchmark that concerns reading H.264 streams without decoding pixels."""

from pathlib import Path

from environment import Environment
from extraction import PYTHON, SPEED_SECONDS, ExtractingPart, decoding, size_of
from measure import CORES, Program, announce
from part import PEERS, Figure, Row

BITSTREAM = ("--motion-source", "bitstream")


class Bitstream(ExtractingPart):
    name = "bitstream"
    minutes = 6
    text = """
The table shows whole processes that read what a stream says with `--motion-source bitstream`: vectors with true
references, macroblocks, bits and QP. The two programs of a row run in turn after one uncounted run of each program, on
one core. Seconds are user time in rows with ffmpeg, and user plus system time in rows with the Python peers. ffmpeg only
decodes the video stream and drops the frames. "discarded" is `--discard`: all the work, without writing. The 1080p clip
is the 720p clip enlarged and coded anew with B-frames and four references. PyAV and mvextractor (motion-vector-extractor)
write vectors without references. The last row compares pframe on two cores with pframe on one, in seconds that pass.
"""

    def measure(self) -> None:
        announce("preparing clips")
        one = self.clips.looped(self.clips.one_reference(), SPEED_SECONDS)
        self.section.conditions.append(("clip", f"{self.clips.description}, repeated to {SPEED_SECONDS} s"))
        clips = [(one, 2.0), (self.clips.full_hd(), 1.5)]
        if small := self.clips.small():
            clips.append((self.clips.looped(small, SPEED_SECONDS), 1.5))
        for clip, target in clips:
            measured = f"discarded, {size_of(clip)}, user s"
            self.compare(measured, self.extraction(clip, *BITSTREAM, "--discard"), "ffmpeg decoding", decoding(clip),
                         "user", target)
        self.compare("written, user s", self.extraction(one, *BITSTREAM), "ffmpeg decoding", decoding(one), "user")
        if python := self.python(Environment(self.options.work / "venv", *PYTHON)):
            table = self.output.with_suffix(".npy")
            for peer, script in (("PyAV", "pyav_vectors.py"), ("mvextractor", "mv_extractor_vectors.py")):
                program = Program([python, PEERS / script, one, table], lambda: table.unlink(missing_ok=True))
                self.compare("written, CPU s", self.extraction(one, *BITSTREAM), peer, program, "cpu", 2)
        self.compare_cores(one)

    def compare_cores(self, clip: Path) -> None:
        """Measures one video on two cores and on one."""
        if len(CORES) < 2:
            self.skip("two cores, which this machine lacks")
            return
        announce("two cores")
        words = self.extraction(clip, *BITSTREAM, "--discard").words
        usages = self.run_in_turn({"ours": Program(words, cores=2), "theirs": Program(words)})
        figures = {name: Figure.of([usage.wall for usage in found]) for name, found in usages.items()}
        self.section.rows.append(Row("discarded, two cores, s", peer="one core", target=1.7, **figures))
