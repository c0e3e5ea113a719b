#!/usr/bin/env python3
"""Measures training and sampling steps on a GPU, PFrame beside the U-Net that people use, and prints the table of
docs/gpu.md.

    gpu.py [--programs DIR] [--minutes 5] [--json FILE] [--launches LIBRARY]

needs: ModelBenchmark of `make build` or of `make bundle`; for Unet3D a python3 with torch and video-diffusion-pytorch.
Programs run one after another, never two at a time. What does not begin within the minutes is left out, and named.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

# What the paper's ED-VDM diffuses, and the widths of its U-Net.
UNET3D = ["--inputs", 34, "--outputs", 18, "--frames", 15, "--size", 8, "--width", 192]
PRECISIONS = ("float32", "bfloat16")
# Steps that count, after one that does not.
RUNS = 20


class Bench:
    """Runs programs until the time is over, and keeps what they said."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.begin = time.monotonic()
        self.found: dict[str, dict] = {}
        self.skipped: list[str] = []

    def run(self, name: str, command: list, limit: float = 90, **variables: str) -> dict | None:
        """What a program's last line of JSON says; None where it failed or there was no time."""
        left = 60 * self.options.minutes - (time.monotonic() - self.begin)
        if left < 10:
            self.skipped.append(f"{name}: no time was left")
            return None
        words = [str(word) for word in command]
        print(f"[{time.monotonic() - self.begin:4.0f} s] {name}", file=sys.stderr, flush=True)
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=min(limit, left), env=os.environ | variables)
            answer = json.loads(done.stdout.strip().splitlines()[-1])
        except subprocess.TimeoutExpired:
            self.skipped.append(f"{name}: did not end within {min(limit, left):.0f} s")
            return None
        except (ValueError, IndexError):
            reason = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
            self.skipped.append(f"{name}: {reason[0][:300]}")
            return None
        answer["ms"] = 1e3 * median(answer["seconds"])
        self.found[name] = answer
        return answer

    def ours(
        self, model: str, batch: int, precision: str, *flags: str, runs: int = RUNS, peak: float = 0, label: str = "",
        **variables: str) -> dict | None:
        """A step of ours; `flags` are ModelBenchmark's."""
        name = " ".join(["PFrame", model, *flags, f"batch {batch}", precision, *label.split()])
        return self.run(name, [
            *self.options.programs, model, "--device", "cuda", "--batch", batch, "--precision", precision, "--threads",
            self.options.threads, "--runs", runs, "--peak-seconds", peak, *flags], **variables)

    def theirs(
        self, batch: int, precision: str, *flags: str, runs: int = RUNS, label: str = "",
        **variables: str) -> dict | None:
        """A step of Unet3D."""
        name = " ".join(["Unet3D", *flags, f"batch {batch}", precision, *label.split()])
        script = Path(__file__).parent / "peers/unet3d_step.py"
        autocast = ["--bfloat16"] if precision == "bfloat16" else []
        return self.run(name, [
            self.options.python, script, *UNET3D, "--device", "cuda", "--batch", batch, "--threads",
            self.options.threads, "--runs", runs, *autocast, *flags], limit=150, **variables)

    def launches(self, name: str, step: Callable[..., dict | None]) -> dict | None:
        """What one step asks of the GPU: the difference between two runs of different length."""
        counts = []
        for runs in (2, 12):
            with tempfile.NamedTemporaryFile(suffix=".json") as file:
                counting = {"LAUNCHES": file.name, "CUDA_INJECTION64_PATH": str(self.options.launches)}
                if not step(runs=runs, label=f"counted {runs}", **counting):
                    return None
                counts.append(json.loads(Path(file.name).read_text()))
        found = {key: (counts[1][key] - value) / 10 for key, value in counts[0].items() if key != "top"}
        before = {name: (count, spent) for name, count, spent in counts[0]["top"]}
        kinds = [
            (name, (count - before.get(name, (0, 0))[0]) / 10, (spent - before.get(name, (0, 0))[1]) / 10)
            for name, count, spent in counts[1]["top"]]
        found["top"] = sorted(kinds, key=lambda kind: -kind[2])[:40]
        self.found[f"launches {name}"] = found
        return found


def milliseconds(answer: dict | None) -> str:
    return f"{answer['ms']:.1f}" if answer else "–"


def steps(bench: Bench) -> None:
    """ED-VDM at the paper's size beside Unet3D of the same widths."""
    print("| ms per step | PFrame float32 | PFrame bfloat16 | Unet3D float32 | Unet3D bfloat16 | TFLOP/s, bfloat16 | GB |")
    print("|---|---|---|---|---|---|---|")
    for flags, what in (((), "train"), (("--sampling",), "sampling")):
        for batch in (8, 64):
            ours = [bench.ours("ed-vdm", batch, kind, "--preset", "paper", *flags) for kind in PRECISIONS]
            theirs = [bench.theirs(batch, kind, *flags) for kind in PRECISIONS]
            speed = f"{ours[1]['gflop'] / ours[1]['ms']:.1f}" if ours[1] else "–"
            memory = f"{ours[1]['device_bytes'] / 1e9:.1f}" if ours[1] else "–"
            times = " | ".join(map(milliseconds, ours + theirs))
            print(f"| ED-VDM paper, {what}, batch {batch} | {times} | {speed} | {memory} |", flush=True)


def others(bench: Bench) -> None:
    """The other models, and how ED-VDM compares with VDM."""
    print("\n| model | ms per step, float32 | bfloat16 | clips/s, bfloat16 | GB |\n|---|---|---|---|---|")
    cases = [
        ("vae", 8, ("--preset", "paper"), "vae paper, train, batch 8"),
        ("vae", 8, (), "vae compact, train, batch 8"),
        ("ed-vdm", 32, (), "ED-VDM compact, train, batch 32"),
        ("ed-vdm", 1, ("--preset", "paper"), "ED-VDM paper, train, batch 1"),
        ("vdm", 1, ("--preset", "paper"), "VDM paper, train, batch 1"),
        ("d-vdm", 1, ("--preset", "paper"), "D-VDM paper, train, batch 1"),
    ]
    for model, batch, flags, what in cases:
        found = [bench.ours(model, batch, kind, *flags, runs=10) for kind in PRECISIONS]
        rate = f"{1e3 * batch / found[1]['ms']:.0f}" if found[1] else "–"
        memory = f"{found[1]['device_bytes'] / 1e9:.1f}" if found[1] else "–"
        print(f"| {what} | {milliseconds(found[0])} | {milliseconds(found[1])} | {rate} | {memory} |", flush=True)
    for kind in PRECISIONS:
        pair = [bench.found.get(f"PFrame {model} --preset paper batch 1 {kind}") for model in ("ed-vdm", "vdm")]
        if all(pair):
            print(
                f"\nVDM over ED-VDM, train step, batch 1, {kind}: {pair[1]['ms'] / pair[0]['ms']:.1f} times the time, "
                f"{pair[1]['gflop'] / pair[0]['gflop']:.1f} times the operations")


def accounts(bench: Bench) -> None:
    """Launches and waits of a step."""
    print("\n| bfloat16, a step of | kernels | ms of kernels | copies in | out | waits |\n|---|---|---|---|---|---|")
    cases = [("ed-vdm", 8, ()), ("ed-vdm", 64, ()), ("ed-vdm", 8, ("--sampling",)), ("vdm", 1, ()), ("vae", 8, ())]
    steps = {
        " ".join([f"{model} paper, batch {batch}", *flags]): partial(
            bench.ours, model, batch, "bfloat16", "--preset", "paper", *flags) for model, batch, flags in cases}
    steps["Unet3D, batch 8"] = partial(bench.theirs, 8, "bfloat16")
    for name, step in steps.items():
        if found := bench.launches(name, step):
            waits = found["waits"] - found["stream_event"]
            print(
                f"| {name} | {found['kernels']:.0f} | {found['kernel_ms']:.1f} | {found['to_device']:.0f} | "
                f"{found['to_host']:.0f} | {waits:.0f} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=lambda text: text.split(), default=[".build/release/ModelBenchmark"],
                        help="ModelBenchmark, with what starts it")
    parser.add_argument("--python", default="python3", help="a Python with torch and video-diffusion-pytorch")
    parser.add_argument("--threads", type=int, default=min(8, os.cpu_count() or 1))
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--json", type=Path, help="where everything that was found goes")
    parser.add_argument("--launches", type=Path, help="a library that counts launches (CUDA_INJECTION64_PATH)")
    bench = Bench(parser.parse_args())
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        print(subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip(), "\n")
    except (OSError, subprocess.CalledProcessError):
        print("error: no nvidia-smi: a GPU and its driver are needed", file=sys.stderr)
        return 1
    for kind in PRECISIONS:
        if found := bench.ours("ed-vdm", 1, kind, runs=1, peak=3, label="with the best matrix product"):
            print(f"best matrix product, {kind}: {found['peak'] / 1e3:.0f} TFLOP/s")
    print()
    steps(bench)
    others(bench)
    if bench.options.launches:
        accounts(bench)
    # Last: it takes minutes to compile.
    for batch in (8, 64):
        compiled = bench.theirs(batch, "bfloat16", "--compile")
        print(f"\nUnet3D bfloat16, torch.compile, train, batch {batch}: {milliseconds(compiled)} ms", flush=True)
    if bench.skipped:
        print("\nleft out:", *bench.skipped, sep="\n- ")
    if bench.options.json:
        bench.options.json.write_text(json.dumps(bench.found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
