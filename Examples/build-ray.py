#!/usr/bin/env python3
"""Builds a data set with Ray, on the machines of a cluster that share a file system. Needs: pip install ray

usage: build-ray.py --parts N --output DATASET [--cpus N] [--tries N] -- INPUT… [options of pframe build]

  Examples/build-ray.py --parts 64 --output /data/shards --cpus 4 -- /data/videos --captions /data/captions.csv

Each part is a task of `--cpus` processors, which runs `pframe build --part I/N`. A failed part, or a part on a failed
machine, is retried, on another machine if necessary, and resumes. After the last part, `pframe index` closes the data
set. PFRAME is the program. Exit code 0: the data set is complete; rejects.jsonl lists the videos without a clip."""

import argparse
import ctypes
import json
import os
import signal
import subprocess
import sys

import ray


class PartFailed(Exception):
    """A part that did not come to its end."""


def die_with_parent() -> None:
    """A task that Ray kills must not leave a program behind that holds the locks of its shards."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def build(command: list[str], folder: str) -> dict:
    """Builds a part in the folder where this program was started, and returns what `pframe build --json` says of it."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, preexec_fn=die_with_parent, check=False)
    lines = done.stdout.splitlines()
    if lines and done.returncode == 0:
        return json.loads(lines[-1])
    if done.returncode == 2:
        return {"wrong": done.stderr}
    raise PartFailed(f"exit code {done.returncode}: {done.stderr[-2000:]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--tries", type=int, default=4)
    parser.add_argument("build", nargs="+", metavar="INPUT… [options of pframe build]")
    options = parser.parse_args()
    program = os.environ.get("PFRAME", "pframe")
    command = [program, "build", *options.build, "--output", options.output, "--jobs", str(options.cpus), "--json"]

    ray.init(log_to_driver=False)
    task = ray.remote(build).options(
        num_cpus=options.cpus, max_retries=options.tries - 1, retry_exceptions=[PartFailed])
    parts = {
        task.remote([*command, "--part", f"{part}/{options.parts}"], os.getcwd()): part for part in range(options.parts)}
    failed, waiting = [], list(parts)
    while waiting:
        (ready, *_), waiting = ray.wait(waiting)
        part = parts[ready]
        try:
            result = ray.get(ready)
        except ray.exceptions.RayError as error:
            failed.append(part)
            print(f"part {part} failed {options.tries} times: {error}", file=sys.stderr)
            continue
        if "wrong" in result:
            print(result["wrong"], file=sys.stderr)
            return 2
        print(f"part {part}: {result['shards']} shards, {result['totals'].get('clips', 0)} clips, "
              f"{result['seconds']:.1f} s", flush=True)
    if failed:
        print(f"{len(failed)} parts are missing: run the same command again", file=sys.stderr)
        return 1
    return subprocess.run([program, "index", options.output], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
