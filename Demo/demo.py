#!/usr/bin/env python3
"""The whole path on one screen: videos, clips, filter, report, autoencoder, latents, ED-VDM, samples, evaluation.

    demo.py                                    moving shapes, made here: at most six minutes on two cores
    demo.py --quick                            small ones: a minute and a half
    demo.py --videos DIR --captions FILE       your own videos; without captions, a model without text

Ends with OUTPUT/index.html. Stopped or killed, the same command goes on where it was. Needs pframe, pframe-train and
pframe-sample (`make build`), and nothing else.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from page import shards_of, write_page
from stages import DemoError, Runner, Stage, say

ROOT = Path(__file__).resolve().parent.parent
VIDEOS = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv"}


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


FULL = Scale(128, 16, 280, 2.2, 4, 40, 1000, 4, 6, {
    "synth": 4, "extract": 3, "build": 4, "filter": 1, "held-out": 1, "report": 1, "vae": 25, "encode": 56,
    "ed-vdm": 152, "sample": 6, "reconstruct": 22, "evaluate": 21})
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

    def stage(self, name: str, title: str, made: str, commands: list[list[str]], **more) -> None:
        self.number += 1
        self.runner.run(
            Stage(name, title, self.folder / made, commands, self.scale.expected[name], **more), self.number,
            len(self.scale.expected) - (1 if self.own else 0))

    def run(self) -> Path:
        scale = self.scale
        self.folder.mkdir(parents=True, exist_ok=True)
        videos = str(self.own or "videos")
        if not self.own:
            # A speed that differs is in neither first frame nor caption: no model could know it.
            self.stage("synth", "Making videos of moving shapes", "videos", [[
                "synth", "--output", "videos", "--videos", str(scale.videos), "--size", str(scale.size), "--fps", "8",
                "--seconds", str(scale.seconds), "--speed", str(scale.speed), "--duplicates", "0.03"]])
        count = sum(1 for file in (self.folder / videos).rglob("*") if file.suffix.lower() in VIDEOS)
        if not count:
            raise DemoError(f"{videos}: holds no videos ({', '.join(sorted(VIDEOS))}): name a folder that does")
        self.extract()
        about = ["--captions", str(self.captions)] if self.captions else ["--no-captions"]
        self.stage("build", "Cutting clips, searching motion, taking residuals, scoring", "data", [[
            "build", videos, *about, "--output", "data", "--size", str(scale.size), "--frames", str(scale.frames),
            "--fps", "8", "--motion-source", "search", "--videos-per-shard", str(max(1, -(-count // 16)))]],
            allowed=(0, 1))
        held = self.held_out_shards()
        names = ", ".join(f"'{shard}'" for shard in held)
        motion = ["--motion", "0.2..."]
        self.stage("filter", "Keeping clips that move, none of them twice", "kept", [
            ["filter", "data", "--output", "kept", *motion, "--drop-duplicates",
             *(["--where", f"shard NOT IN ({names})"] if held else [])]])
        self.stage("held-out", "Setting clips aside that no model will see", "held-out", [
            ["filter", "data", "--output", "held-out", *motion, *(["--where", f"shard IN ({names})"] if held else [])]])
        self.require("kept", 8, "training")
        self.require("held-out", 1, "samples")
        self.stage("report", "Writing a page about the data set", "kept/report.html", [
            ["report", "kept", "--title", "The clips of the demo"]])
        self.stage("vae", "Training the residual autoencoder", "vae", [[
            "train", "vae", "kept", "--output", "vae", "--steps", str(scale.vae_steps), "--batch", "4",
            "--learning-rate", "5e-4", "--warm-up", "10", "--average-decay", "0.95", "--picture-every", "0"]])
        self.stage("encode", "Turning residuals into latents, in the closed loop", "latents", [
            ["encode", "kept", "--vae", "vae", "--output", "latents"]])
        self.stage("ed-vdm", "Training ED-VDM on motion and latents", "run", [[
            "train", "ed-vdm", "latents", "--output", "run", "--steps", str(scale.steps), "--batch", str(scale.batch),
            "--learning-rate", "1.5e-3", "--warm-up", "30", "--average-decay", "0.99",
            "--picture-every", str(max(1, scale.steps // 2)), "--text", "vocabulary" if self.captions else "none"]])
        samples = str(scale.samples)
        self.stage("sample", "Sampling from first frames and captions", "samples", [
            ["sample", "run", "--dataset", "held-out", "--first", samples, "--output", "samples", "--steps", "20"]])
        keys = [json.loads(line)["name"] for line in (self.folder / "samples" / "samples.jsonl").open()]
        row = ["--layout", "row"]
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

    def extract(self) -> None:
        """Takes a video apart, puts it together again, and compares that with what FFmpeg decodes."""
        video = next(self.candidates(), None)
        if not video:
            self.number += 1
            return say("no H.264 among the videos: nothing to extract vectors from; clips are searched for motion")
        self.stage("extract", "Taking one video apart into motion and residual, and putting it together", "extracted", [
            ["extract", str(video), "--residual", "--output", "extracted"],
            ["reconstruct", f"extracted/{video.stem}", "--output", "extracted/rebuilt.yuv"],
            ["view", str(video), "--output", "extracted/film.mp4", "--frames", "100", "--layout", "row"]])
        rebuilt = self.folder / "extracted" / "rebuilt.yuv"
        if rebuilt.exists():
            decode = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-flags", "unaligned", "-noautorotate",
                      "-i", video, "-map", "0:v:0", "-f", "rawvideo", "-vsync", "passthrough", "-"]
            decoded = subprocess.run(decode, cwd=self.folder, capture_output=True, check=False).stdout
            if rebuilt.read_bytes() != decoded:
                raise DemoError(f"{rebuilt} is not what FFmpeg decodes of {video}: please report this")
            say(f"      equal to FFmpeg's decoding, {len(decoded):,} bytes")
            rebuilt.unlink()

    def candidates(self) -> Iterator[Path]:
        """Videos whose vectors libavcodec exports, by path."""
        folder = self.own or Path("videos")
        for video in sorted(file for file in (self.folder / folder).rglob("*") if file.suffix.lower() in VIDEOS):
            told = subprocess.run([self.options.pframe, "info", video, "--json"], capture_output=True, check=False)
            if told.returncode == 0 and json.loads(told.stdout.splitlines()[0]).get("codec") == "h264":
                yield video if self.own else video.relative_to(self.folder)

    def held_out_shards(self) -> list[str]:
        """Shards with an eighth of the clips, the last ones; none where one shard has all, which training then sees."""
        shards = [shard for shard in shards_of(self.folder / "data") if shard["samples"]]
        wanted, held = sum(shard["samples"] for shard in shards) / 8, []
        while len(shards) > 1 and wanted > 0:
            held.append(shards.pop())
            wanted -= held[-1]["samples"]
        return [shard["name"] for shard in held]

    def require(self, name: str, least: int, purpose: str) -> None:
        folder = self.folder / name
        count = sum(shard["samples"] for shard in shards_of(folder))
        if count < least:
            raise DemoError(
                f"{folder}: {count} clips are too few for {purpose}: {self.folder}/data/rejects.jsonl says which videos "
                f"gave none, {folder}/dropped.jsonl which clips were dropped; bring more videos, of at least "
                f"{self.scale.frames / 8:.0f} s without a cut")


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
            setattr(options, name, path.absolute())
    if options.videos and not options.videos.is_dir():
        parser.error(f"{options.videos}: no such folder of videos")
    if options.captions and not options.captions.is_file():
        parser.error(f"{options.captions}: no such file of captions")
    return options


def main() -> int:
    options = parse()
    try:
        page = Demo(options).run()
    except DemoError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the same command goes on here")
        return 1
    print(f"\n{page}: open it in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
