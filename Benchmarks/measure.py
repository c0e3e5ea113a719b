"""Measures whole processes on one core: CPU time and peak memory as the kernel accounts them (wait4)."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

CORE = max(os.sched_getaffinity(0))
MEGABYTE = 1e6


class BenchmarkError(Exception):
    """A program that failed, or a condition without which nothing can be measured."""


@dataclass(frozen=True)
class Usage:
    """What one process took: seconds, and its peak resident memory in MB (10^6 bytes)."""

    user: float
    system: float
    wall: float
    peak: float
    output: str

    @property
    def cpu(self) -> float:
        return self.user + self.system


@dataclass(frozen=True)
class Spread:
    """Least, median and most of a sample."""

    least: float
    middle: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(min(values), median(values), max(values))

    def text(self) -> str:
        """Least / median / most, or the one number of a single run."""
        values = (self.middle,) if self.least == self.most else (self.least, self.middle, self.most)
        return " / ".join(f"{value:.2f}" for value in values)


@dataclass(frozen=True)
class Program:
    """A command, the name to print for it, and what tidies up behind it, outside the measured time."""

    name: str
    command: Sequence[str | Path]
    tidy: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True)
class Pair:
    """This project's runs and a peer's, taken in turn."""

    ours: list[Usage]
    peer: list[Usage]

    def ratio(self, measure: str) -> Spread:
        """How many times the peer's time is ours, run by run; `measure` is user, cpu or wall."""
        return Spread.of([getattr(b, measure) / getattr(a, measure) for a, b in zip(self.ours, self.peer, strict=True)])


def run(program: Program, allowed: Sequence[int] = (0,)) -> Usage:
    """Runs a program on one core, stdin closed, and returns what it took.

    Raises BenchmarkError, with the end of its stderr, for an exit status that is not allowed.
    """
    command = [str(part) for part in program.command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                preexec_fn=lambda: os.sched_setaffinity(0, {CORE}),
            )
        except OSError as error:
            raise BenchmarkError(f"{program.name}: {command[0]} cannot be started: {error.strerror}") from error
        _, status, resources = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode not in allowed:
            tail = errors.read()[-2000:].decode(errors="replace").strip()
            raise BenchmarkError(f"{program.name}: exit status {process.returncode}: {' '.join(command)}\n{tail}")
        text = output.read().decode(errors="replace")
    program.tidy()
    # Linux counts ru_maxrss in KiB.
    return Usage(resources.ru_utime, resources.ru_stime, wall, resources.ru_maxrss * 1024 / MEGABYTE, text)


def run_pair(ours: Program, peer: Program, runs: int, warm_up: bool) -> Pair:
    """Runs two programs in turn, `runs` times each, after one uncounted run of each."""
    if warm_up:
        run(ours)
        run(peer)
    pair = Pair([], [])
    for _ in range(runs):
        pair.ours.append(run(ours))
        pair.peer.append(run(peer))
    return pair
