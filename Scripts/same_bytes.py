#!/usr/bin/env python3
"""Compares what two builds make of the same input: files, printed lines and exit codes.

OLD and NEW are folders with pframe, pframe-train and pframe-sample. Both make videos, data sets, extractions, models
and samples, side by side, each on one thread. One line a part says whether everything is equal; every file that
differs is named with the place. `file_difference.py` lists what may vary: times, versions and the working folder.
Exit status 1 where anything differs. Two minutes on two cores.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from file_difference import difference, names

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
# Diffusion models and the clips that each is compared with.
DIFFUSION = {"ed-vdm": "sets/all", "d-vdm": "sets/tiny", "vdm": "sets/tiny"}
ENGINE = ("--threads", "1", "--precision", "float32")
ONE = ("--jobs", "1")
# The time that every input has: an extraction records the time of its video.
MODIFIED = 1_700_000_000


class Build:
    """One build at work in a folder of its own."""

    def __init__(self, programs: Path, folder: Path, seed: int) -> None:
        self.programs, self.folder, self.seed = programs, folder, str(seed)
        self.part = ""
        folder.mkdir(parents=True)

    def run(self, *arguments: str) -> str:
        """Runs pframe in the folder; what pframe prints becomes two files of the part."""
        done = subprocess.run(
            [str(self.programs / "pframe"), *arguments],
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C"},
            input=b"",
            capture_output=True,
        )
        printed = self.folder / "printed" / self.part
        printed.mkdir(parents=True, exist_ok=True)
        name = f"{len(list(printed.iterdir())) // 2:02} {' '.join(arguments).replace('/', ':')[:100]}"
        (printed / f"{name}.out").write_bytes(done.stdout + f"exit code {done.returncode}\n".encode())
        (printed / f"{name}.err").write_bytes(done.stderr)
        return done.stdout.decode()

    def settle(self, *folders: str) -> None:
        """Gives the files of folders one time."""
        for folder in folders:
            for path in (self.folder / folder).rglob("*"):
                os.utime(path, (MODIFIED, MODIFIED))

    def copy(self, source: str, to: str) -> None:
        shutil.copytree(self.folder / source, self.folder / to)

    # The parts, in the order of work.

    def videos(self) -> None:
        small = ("--size", "64", "--seconds", "1", *ONE, "--seed", self.seed)
        self.run("synth", "--output", "videos", "--videos", "6", *small)
        planted = ("--duplicates", "0.3", "--wrong-captions", "0.3", "--embeddings")
        self.run("synth", "--output", "planted", "--videos", "8", *small, *planted)
        self.settle("videos", "planted", "fixtures", "clips")

    def sets(self) -> None:
        def build(videos: str, output: str, *options: str, size: str = "64", frames: str = "8") -> None:
            captions = ("--captions", f"{videos}/captions.csv")
            if videos in ("fixtures", "clips"):
                captions = ("--no-captions",)
            options = (*captions, "--size", size, "--frames", frames, *options)
            self.run("build", videos, "--output", f"sets/{output}", *options, *ONE)

        every = "frames,difference,motion-residual"
        build("videos", "all", "--represent", every, "--no-cuts")
        search = ("--represent", "motion-residual", "--motion-source", "search", "--fit", "pad")
        build("videos", "search", *search, size="64x48")
        build("videos", "stream", "--motion-source", "stream")
        strides = ("--represent", "frames", "--stride", "2", "--hop", "4", "--fit", "stretch")
        build("videos", "frames", *strides, size="48x64")
        build("videos", "tiny", "--represent", "frames,difference", size="32", frames="4")
        build("videos", "difference", "--represent", "difference", "--clips-per-video", "1", "--fps", "12")
        build("planted", "planted", "--clips-per-video", "1")
        build("fixtures", "fixtures", "--videos-per-shard", "4", frames="4")
        for part in ("1/2", "0/2"):
            build("videos", "parts", "--part", part, "--videos-per-shard", "2")
        self.run("index", "sets/parts", *ONE)
        if (self.folder / "clips").exists():
            build("clips", "clips", "--represent", every, "--clips-per-video", "4")

    def filtered(self) -> None:
        def keep(source: str, output: str, *rules: str) -> str:
            return self.run("filter", source, "--output", f"filtered/{output}", *rules, *ONE)

        keep("sets/planted", "lively", "--motion", "0.5...20")
        keep("sets/planted", "once", "--drop-duplicates", "--where", "caption LIKE '%a%'")
        keep("sets/planted", "best", "--top", "3", "--by", "motion_content")
        keep("sets/planted", "keys.txt", "--list", "--score", "motion_vector=0.01...")
        self.copy("sets/planted", "filtered/scored")
        keys = self.run("filter", "sets/planted", "--list", *ONE)
        (self.folder / "filtered/scored.txt").write_text(keys)
        arrays = ("--text", "planted/embeddings/text.npy", "--image", "planted/embeddings/image.npy")
        self.run("score", "filtered/scored", *arrays, "--keys", "filtered/scored.txt", *ONE)
        keep("filtered/scored", "fitting", "--score", "caption_clip=0.2...")
        for name in ("scored", "fitting"):
            self.run("report", f"filtered/{name}")

    def indexes(self) -> None:
        self.copy("sets/fixtures", "indexes/exported")
        exports = ("--export", "energon", "--export", "dali", "--export", "wids")
        self.run("index", "indexes/exported", *exports, *ONE)
        (self.folder / "indexes/foreign").mkdir()
        for shard in sorted((self.folder / "sets/all").glob("*.tar")):
            shutil.copy(shard, self.folder / "indexes/foreign")
        self.run("index", "indexes/foreign", *ONE)
        for name in ("sets/all", "indexes/foreign"):
            self.run("check", name, *ONE)
            self.run("bench-loader", name, "--list-keys", "--epochs", "2", "--seed", "3", "--ranks", "2")

    def extractions(self) -> None:
        def extract(videos: str, output: str, *options: str) -> None:
            self.run("extract", videos, "--output", f"extractions/{output}", *options, *ONE)

        extract("fixtures", "fixtures", "--residual", "--references")
        extract("fixtures", "arrays", "--residual", "npy", "--field", "8", "--accumulate")
        extract("fixtures", "h264", "--motion-source", "h264")
        extract("fixtures", "search", "--motion-source", "search")
        if (self.folder / "clips").exists():
            extract("clips", "clips", "--residual", "--references", "--frames", "60")
        for videos in ("fixtures", "clips"):
            if (self.folder / videos).exists():
                self.run("info", videos, "--json")
                self.run("motion", videos, "--per-frame", *ONE)
                self.run("motion", videos, "--json", "--rule", "0.7", *ONE)

    def rebuilt(self) -> None:
        (self.folder / "rebuilt").mkdir()
        for path in sorted((self.folder / "extractions/fixtures").iterdir()):
            self.run("reconstruct", f"extractions/fixtures/{path.name}", "--output", f"rebuilt/{path.name}.y4m")
        self.run("reconstruct", "extractions/fixtures/cropped", "--output", "rebuilt/cropped.mp4")
        self.run("reconstruct", "sets/all/000000_0000001", "--output", "rebuilt/clip.npy")
        for shown in ("fixtures/bframes-4refs.mp4", "sets/all/000000_0000001", "extractions/fixtures/cropped"):
            self.run("view", shown, "--output", f"rebuilt/{Path(shown).name}.png")
        self.run("view", "fixtures/one-reference.mp4", "--output", "rebuilt/film.mp4", "--frames", "6")

    def train(self, model: str, data: str, *options: str) -> None:
        steps = ("--steps", "20", "--batch", "2", "--warm-up", "5", "--checkpoint-every", "10", "--picture-every", "10")
        self.run("train", model, data, "--output", f"runs/{model}", *steps, *ENGINE, *options)

    def autoencoder(self) -> None:
        self.train("vae", "sets/all")
        for loop in ("closed", "open"):
            self.run("encode", "sets/all", "--vae", "runs/vae", "--output", f"runs/{loop}", "--loop", loop, *ENGINE)

    def diffusion(self) -> None:
        small = ("--width", "16", "--multiples", "1,2")
        self.train("ed-vdm", "runs/closed", *small)
        self.train("d-vdm", "sets/tiny", *small, "--text", "none")
        self.train("vdm", "sets/tiny", *small, "--text", "labels")
        for model in DIFFUSION:
            self.run("check", f"runs/{model}")
            self.run("train", model, "--preset", "paper", "--plan", "--json")

    def samples(self) -> None:
        few = ("--steps", "4", *ENGINE)
        for model, clips in DIFFUSION.items():
            data = ("--dataset", clips, "--first", "2")
            self.run("sample", f"runs/{model}", "--output", f"samples/{model}", *data, *few)
        image = ("--image", "fixtures/one-reference.mp4", "--fit", "crop", "--prompt", "a ring moves", "--count", "2")
        other = ("--sampler", "ddim", "--eta", "0.5", "--seed", self.seed)
        self.run("sample", "runs/ed-vdm", "--output", "samples/image", *image, *other, *few)
        self.run("reconstruct", "samples/ed-vdm/000000_0000000", "--output", "samples/again.npy")

    def evaluation(self) -> None:
        for model, clips in DIFFUSION.items():
            self.run("evaluate", f"runs/{model}", clips, "--clips", "4", "--steps", "2", "--json", *ENGINE)
        self.run("evaluate", "--reconstruction", "--vae", "runs/vae", "sets/all", "--json", *ENGINE)


# The folders that each part makes, beside what the part prints.
DATA_PARTS = {
    Build.videos: ("videos", "planted"),
    Build.sets: ("sets",),
    Build.filtered: ("filtered",),
    Build.indexes: ("indexes",),
    Build.extractions: ("extractions",),
    Build.rebuilt: ("rebuilt",),
}
MODEL_PARTS = {
    Build.autoencoder: ("runs/vae", "runs/closed", "runs/open"),
    Build.diffusion: tuple(f"runs/{model}" for model in DIFFUSION),
    Build.samples: ("samples",),
    Build.evaluation: (),
}


def compare(old: Build, new: Build, folder: str) -> tuple[int, dict[str, str]]:
    """How many files the builds made in a folder, and where those that differ do."""
    before, after = names(old.folder / folder), names(new.folder / folder)
    found = {}
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            place = "not made by the new build"
        elif name not in before:
            place = "not made by the old build"
        else:
            place = difference(before[name], old.folder, after[name], new.folder)
        if place:
            found[f"{folder}/{name}"] = place
    return len(before.keys() | after.keys()), found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="folder of the programs before")
    parser.add_argument("new", type=Path, help="folder of the programs now")
    parser.add_argument("--videos", type=Path, metavar="DIR", help="also build a set of these videos, and extract them")
    parser.add_argument("--no-models", action="store_true", help="leave out what trains and samples: 20 seconds")
    parser.add_argument("--new-seed", type=int, default=7, help="with another than 7 the builds make different videos")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in this new folder, and keep it")
    parser.add_argument("--json", action="store_true", help="print one object instead of lines")
    arguments = parser.parse_args()

    parts = DATA_PARTS if arguments.no_models else DATA_PARTS | MODEL_PARTS
    programs = ["pframe"] if arguments.no_models else ["pframe", "pframe-train", "pframe-sample"]
    for folder in (arguments.old, arguments.new):
        for program in programs:
            if not (folder / program).is_file():
                parser.error(f"{folder}: no {program} in it")
    with tempfile.TemporaryDirectory(prefix="same-bytes-") as temporary:
        place = (arguments.keep or Path(temporary)).resolve()
        old = Build(arguments.old.resolve(), place / "old", 7)
        new = Build(arguments.new.resolve(), place / "new", arguments.new_seed)

        def work(build: Build) -> None:
            (build.folder / "fixtures").mkdir()
            for path in FIXTURES.iterdir():
                if path.suffix in (".mp4", ".mkv", ".avi", ".mpg", ".ts", ".h264"):
                    shutil.copy(path, build.folder / "fixtures")
            if arguments.videos:
                shutil.copytree(arguments.videos, build.folder / "clips")
            for make in parts:
                build.part = make.__name__
                try:
                    make(build)
                except OSError as error:
                    (build.folder / "printed" / build.part / "stopped.txt").write_text(f"{error}\n")

        with ThreadPoolExecutor(2) as workers:
            list(workers.map(work, (old, new)))
        report = {}
        for make, folders in parts.items():
            name, files, found = make.__name__, 0, {}
            for folder in (*folders, f"printed/{name}"):
                count, differing = compare(old, new, folder)
                files, found = files + count, found | differing
            report[name] = {"files": files, "different": found}
            if not arguments.json:
                print(f"{name}: {f'{len(found)} of {files} files differ' if found else f'{files} files are equal'}")
                for file, where in found.items():
                    print(f"  {file}: {where}")
    if arguments.json:
        print(json.dumps(report))
    return 1 if any(part["different"] for part in report.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
