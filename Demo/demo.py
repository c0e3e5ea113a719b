#!/usr/bin/env python3
"""The whole path on one screen: videos, clips, filter, report, autoencoder, latents, ED-VDM, samples, evaluation.

    demo.py                                    moving shapes, made here: under five minutes on two cores
    demo.py --quick                            small ones: half a minute
    demo.py --videos DIR --captions FILE       your own videos; without captions, a model without text

Ends with OUTPUT/index.html. The same command resumes a demonstration that was stopped or killed. Needs pframe, pframe-train and
pframe-sample (`make build`), and ffmpeg to compare with.
"""

import argparse
import filecmp
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from page import write_page
from stages import DemoError, Runner, Stage, say

ROOT = Path(__file__).resolve().parent.parent
# As many clips as are coded and learned in a few minutes.
MOST_CLIPS = 400
LEAST_CLIPS = 8
# Mean content value below which a clip stands still.
STILL = 0.2
# Videos that are looked at for one to take apart.
PROBED = 20
# What `pframe build` takes for videos in a folder.
VIDEOS = {f".{name}" for name in (
    "mp4 m4v mov mkv webm avi ts m2ts mts mpg mpeg m2v vob 3gp flv wmv ogv h264 264 avc h263 mxf").split()}


@dataclass
class Scale:
    """How much of everything."""

    size: int
    frames: int
    # Made where no videos are given.
    videos: int
    seconds: float
    speed: float
    vae_steps: int
    steps: int
    batch: int
    samples: int
    # Seconds that the stages take, in their order.
    expected: dict[str, float]


FULL = Scale(128, 16, 240, 2.2, 4, 30, 700, 4, 6, {
    "synth": 4, "extract": 3, "build": 4, "filter": 1, "held-out": 1, "report": 1, "vae": 20, "encode": 48,
    "ed-vdm": 210, "sample": 6, "reconstruct": 22, "evaluate": 21})
QUICK = Scale(64, 8, 80, 1.3, 3, 10, 120, 8, 4, {
    "synth": 1, "extract": 1, "build": 1, "filter": 1, "held-out": 1, "report": 1, "vae": 4, "encode": 6, "ed-vdm": 12,
    "sample": 1, "reconstruct": 3, "evaluate": 3})


class Demo:
    """The stages of a demonstration, and the page at its end."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.scale = QUICK if options.quick else FULL
        self.folder: Path = options.output
        self.own: Path | None = options.videos
        self.captions: Path | None = options.captions if self.own else Path("videos/captions.csv")
        expected = sum(value for name, value in self.scale.expected.items() if not (self.own and name == "synth"))
        self.runner = Runner(self.folder, options.pframe, expected)
        self.number = 0

    def stage(
        self, name: str, title: str, made: str, commands: list[list[str]], proof: str | None = None, **more
    ) -> None:
        self.number += 1
        made_path = self.folder / made
        stage = Stage(name, title, made_path, made_path / (proof or "."), commands, self.scale.expected[name], **more)
        self.runner.run(stage, self.number, len(self.scale.expected) - (1 if self.own else 0))

    def run(self) -> Path:
        scale = self.scale
        if self.folder.exists() and any(self.folder.iterdir()) and not (self.folder / ".stages").exists():
            raise DemoError(f"{self.folder}: holds other files; name another folder, or remove this one")
        self.folder.mkdir(parents=True, exist_ok=True)
        videos = str(self.own or "videos")
        if not self.own:
            # A speed that differs is in neither first frame nor caption: no model could know it.
            self.stage("synth", "Making videos of moving shapes", "videos", [[
                "synth", "--output", "videos", "--videos", str(scale.videos), "--size", str(scale.size), "--fps", "8",
                "--seconds", str(scale.seconds), "--speed", str(scale.speed), "--duplicates", "0.03"]],
                proof="captions.csv")
        found = self.videos()
        if not found:
            raise DemoError(f"{videos}: holds no videos ({', '.join(sorted(VIDEOS))}): name a folder that does")
        if self.own:
            # Other videos or captions under the same names are another data set.
            self.runner.rest_on([stamp(file) for file in [*found, *([self.captions] if self.captions else [])]])
        self.extract(found)
        about = ["--captions", str(self.captions)] if self.captions else ["--no-captions"]
        shape = ["--size", str(scale.size), "--frames", str(scale.frames), "--fps", "8", "--motion-source", "search"]
        self.stage("build", "Cutting clips, searching motion, taking residuals, scoring", "data", [[
            "build", videos, *about, "--output", "data", *shape, "--videos-per-shard", str(-(-len(found) // 16)),
            "--clips-per-video", str(-(-MOST_CLIPS // len(found)))]], proof="dataset.json", allowed=(0, 1))
        held = self.held_out_shards()
        names = ", ".join(f"'{shard}'" for shard in held)
        motion = ["--motion", f"{STILL}..."]
        most = ["--top", str(MOST_CLIPS), "--by", "motion_content"] if self.own else []
        self.stage("filter", "Keeping clips that move, none of them twice", "kept", [
            ["filter", "data", "--output", "kept", *motion, "--drop-duplicates", *most,
             *(["--where", f"shard NOT IN ({names})"] if held else [])]], proof="dataset.json")
        self.stage("held-out", "Setting clips aside that no model will see", "held-out", [
            # No copies of what is kept either: an earlier clip.
            ["filter", "data", "--output", "held-out", *motion,
             *(["--where", f"shard IN ({names}) AND duplicate_of IS NULL"] if held else [])]], proof="dataset.json")
        self.stage("report", "Writing a page about the data set", "kept/report.html", [
            ["report", "kept", "--title", "The clips of the demo"]])
        self.stage("vae", "Training the residual autoencoder", "vae", [[
            "train", "vae", "kept", "--output", "vae", "--steps", str(scale.vae_steps), "--batch", "4",
            "--learning-rate", "5e-4", "--warm-up", "10", "--average-decay", "0.95", "--picture-every", "0",
            "--checkpoint-every", "20"]], proof="report.html")
        self.stage("encode", "Turning residuals into latents, in the closed loop", "latents", [
            ["encode", "kept", "--vae", "vae", "--output", "latents"]], proof="dataset.json")
        self.stage("ed-vdm", "Training ED-VDM on motion and latents", "run", [[
            "train", "ed-vdm", "latents", "--output", "run", "--steps", str(scale.steps), "--batch", str(scale.batch),
            "--learning-rate", "1.5e-3", "--warm-up", "30", "--average-decay", "0.99",
            "--picture-every", str(max(1, scale.steps // 2)), "--text", "vocabulary" if self.captions else "none",
            "--checkpoint-every", "200"]], proof="report.html")
        samples = str(scale.samples)
        self.stage("sample", "Sampling from first frames and captions", "samples", [
            ["sample", "run", "--dataset", "held-out", "--first", samples, "--output", "samples", "--steps", "20"]],
            proof="samples.jsonl")
        keys = [json.loads(line)["name"] for line in (self.folder / "samples" / "samples.jsonl").open()]
        # One scale for all panels, so that real and generated ones compare.
        row = ["--panels", "row", "--residual-range", "128", "--magnitude-range", "8"]
        self.stage("reconstruct", "Rebuilding the samples from motion and residual, drawing both", "views", [
            command for key in keys for command in (
                ["reconstruct", f"samples/{key}", "--output", f"views/{key}.again.mp4"],
                ["reconstruct", f"held-out/{key}", "--output", f"views/{key}.real.mp4"],
                ["view", f"samples/{key}", "--output", f"views/{key}.mp4", "--title", "generated", *row],
                ["view", f"held-out/{key}", "--output", f"views/{key}.truth.mp4", "--title", "real", *row])],
            needs_folder=True)
        for key in keys:
            again, sample = (self.folder / "views" / f"{key}.again.mp4"), self.folder / "samples" / f"{key}.mp4"
            if again.read_bytes() != sample.read_bytes():
                raise DemoError(f"{again} and {sample} differ: please report this")
        evaluation, coding = self.folder / "evaluation.json", self.folder / "coding.json"
        self.stage("evaluate", "Comparing samples with the real clips", "evaluation.json", [
            ["evaluate", "run", "held-out", "--clips", "16", "--steps", "20", "--json"],
            ["evaluate", "--reconstruction", "--vae", "vae", "held-out", "--clips", "8", "--json"]],
            outputs=[evaluation, coding])
        return write_page(self.folder, keys, self.runner.done, own=self.own is not None)

    def videos(self) -> list[Path]:
        """What `pframe build` will take for videos, by path."""
        folder = self.folder / (self.own or "videos")
        return sorted(
            file for file in folder.rglob("*") if file.suffix.lower() in VIDEOS and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(folder).parts))

    def extract(self, videos: list[Path]) -> None:
        """Takes a video apart, puts it together again, and compares that with what FFmpeg decodes."""
        video = next(filter(self.can_be_taken_apart, videos[:PROBED]), None)
        if not video:
            self.number += 1
            return say("no short, whole H.264 among the first videos: none is taken apart")
        if not self.own:
            video = video.relative_to(self.folder)
        self.stage("extract", "Taking one video apart into motion and residual, and putting it together", "extracted", [
            ["extract", str(video), "--residual", "--output", "extracted"],
            ["reconstruct", f"extracted/{video.stem}", "--output", "extracted/rebuilt.yuv"],
            ["view", str(video), "--output", "extracted/film.mp4", "--frames", "100", "--panels", "row"]],
            proof="film.mp4")
        rebuilt, decoded = (self.folder / "extracted" / name for name in ("rebuilt.yuv", "decoded.yuv"))
        if rebuilt.exists():
            subprocess.run(
                ["ffmpeg", "-v", "error", "-nostdin", "-y", "-threads", "1", "-flags", "unaligned", "-noautorotate",
                 "-i", video, "-map", "0:v:0", "-f", "rawvideo", "-vsync", "passthrough", decoded],
                cwd=self.folder, check=True)
            if not filecmp.cmp(rebuilt, decoded, shallow=False):
                raise DemoError(f"{rebuilt} and {decoded}, FFmpeg's decoding of {video}, differ: please report this")
            say(f"      equal to FFmpeg's decoding, {decoded.stat().st_size:,} bytes")
            rebuilt.unlink()
            decoded.unlink()

    def can_be_taken_apart(self, video: Path) -> bool:
        """Whether libavcodec exports vectors of it, it fits on the disk as raw frames, and it is whole."""
        facts = self.info(video)
        if facts.get("codec") != "h264" or facts.get("pixel_format") not in ("yuv420p", "yuvj420p"):
            return False
        frames = max(facts["frames_decoded"], facts.get("duration", 0) * facts.get("frames_per_second", 25))
        if frames * facts["coded_width"] * facts["coded_height"] * 3 // 2 > 1_000_000_000:
            return False
        # As it is short: all of it.
        return self.info(video, "--frames", "1000000").get("damaged_frames") == 0

    def info(self, video: Path, *more: str) -> dict:
        """What `pframe info` says of a video; nothing where it cannot."""
        told = subprocess.run([self.options.pframe, "info", video, "--json", *more], capture_output=True, check=False)
        return json.loads(told.stdout.splitlines()[0]) if told.returncode == 0 else {}

    def held_out_shards(self) -> list[str]:
        """Shards with about an eighth of the clips that move, the last ones; none where one has most of them.

        Raises: DemoError where there are too few for training.
        """
        index = sqlite3.connect(f"file:{quote(str(self.folder / 'data' / 'index.sqlite'))}?mode=ro", uri=True)
        query = ("SELECT shard, count(*) FROM clips WHERE motion_content >= ? AND duplicate_of IS NULL "
                 "GROUP BY shard ORDER BY shard")
        with closing(index):
            shards = index.execute(query, (STILL,)).fetchall()
        total, held, count = sum(clips for _, clips in shards), [], 0
        if total < LEAST_CLIPS:
            raise DemoError(
                f"{total} clips that move are too few for training: {self.folder}/data/rejects.jsonl says which videos "
                f"gave none; bring more videos, of at least {self.scale.frames / 8:.0f} s without a cut")
        for shard, clips in reversed(shards):
            if count < total / 8 and count + clips <= min(total / 2, total - LEAST_CLIPS):
                held.append(shard)
                count += clips
        return held


def stamp(file: Path) -> list:
    """What changes when a file does."""
    facts = file.stat()
    return [str(file), facts.st_size, facts.st_mtime_ns]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small videos, few steps")
    parser.add_argument("--videos", type=Path, metavar="DIR", help="your own videos, instead of moving shapes")
    parser.add_argument("--captions", type=Path, metavar="FILE", help="CSV or JSONL with the columns video, caption")
    parser.add_argument("--output", type=Path, default=Path("demo"), metavar="DIR")
    parser.add_argument("--pframe", type=Path, default=ROOT / ".build" / "release" / "pframe", metavar="PATH")
    options = parser.parse_args()
    if options.captions and not options.videos:
        parser.error("--captions is for --videos")
    for name in ("videos", "captions", "output", "pframe"):
        path = getattr(options, name)
        if path:
            setattr(options, name, path.expanduser().absolute())
    if options.videos and not options.videos.is_dir():
        parser.error(f"{options.videos}: no such folder of videos")
    if options.captions and not options.captions.is_file():
        parser.error(f"{options.captions}: no such file of captions")
    if options.videos and options.output.is_relative_to(options.videos):
        parser.error(f"{options.output} lies among the videos, and would be taken for some: name another --output")
    for name in ("pframe", "pframe-train", "pframe-sample"):
        if not options.pframe.with_name(name).exists():
            parser.error(f"{options.pframe.with_name(name)} is not there: `make build` builds it")
    if not shutil.which("ffmpeg"):
        parser.error("ffmpeg is not installed: `make deps` installs it")
    return options


def main() -> int:
    options = parse()
    try:
        page = Demo(options).run()
    except DemoError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the same command resumes here")
        return 1
    print(f"\n{page}: open it in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
