"""Measures whole processes on chosen cores: CPU time and peak memory as the kernel accounts them (wait4)."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

# The last ones first: the first core serves interrupts on many machines.
CORES = sorted(os.sched_getaffinity(0), reverse=True)
MEGABYTE = 1e6


class BenchmarkError(Exception):
    """A program that failed, or a condition without which nothing can be measured."""


@dataclass(frozen=True)
class Usage:
    """What one process, and the processes it waited for, took: seconds, and the peak resident memory of the largest
    of them in MB (10^6 bytes)."""

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
    """A command, the name to print for it, what tidies up behind it, outside the measured time, and how many cores it
    is pinned to."""

    name: str
    command: Sequence[str | Path]
    tidy: Callable[[], None] = field(default=lambda: None)
    cores: int = 1


@dataclass(frozen=True)
class Pair:
    """This project's runs and a peer's, taken in turn."""

    ours: list[Usage]
    peer: list[Usage]

    def ratio(self, measure: str) -> Spread:
        """How many times the peer's time is ours, run by run; `measure` is user, cpu or wall."""
        return Spread.of([getattr(b, measure) / getattr(a, measure) for a, b in zip(self.ours, self.peer, strict=True)])


def run(program: Program, allowed: Sequence[int] = (0,)) -> Usage:
    """Runs a program on its cores, stdin closed, and returns what it took.

    Raises BenchmarkError, with the end of its stderr, for an exit status that is not allowed.
    """
    if program.cores > len(CORES):
        raise BenchmarkError(f"{program.name}: {program.cores} cores wanted, {len(CORES)} there")
    command = [str(part) for part in program.command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                preexec_fn=lambda: os.sched_setaffinity(0, CORES[: program.cores]),
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


def run_in_turn(programs: Mapping[str, Program], runs: int, warm_up: bool) -> dict[str, list[Usage]]:
    """Runs programs in turn, `runs` times each, after one uncounted run of each."""
    if warm_up:
        for program in programs.values():
            run(program)
    usages: dict[str, list[Usage]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, program in programs.items():
            usages[name].append(run(program))
    return usages


def run_pair(ours: Program, peer: Program, runs: int, warm_up: bool) -> Pair:
    """Runs two programs in turn."""
    return Pair(**run_in_turn({"ours": ours, "peer": peer}, runs, warm_up))


def capture(command: Sequence[str]) -> str:
    """The standard output of a command that must succeed."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True).stdout
    except OSError as error:
        raise BenchmarkError(f"{command[0]} cannot be started: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"{' '.join(command)}: exit status {error.returncode}\n{error.stderr.strip()}") from error


def announce(text: str) -> None:
    print(f"{text} …", file=sys.stderr, flush=True)
