"""Measures whole processes on chosen cores: CPU time and peak memory as the kernel accounts them (wait4)."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

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
class Program:
    """Words of a command, what tidies up behind it, outside the measured time, and how many cores it is pinned to."""

    words: Sequence[str | Path]
    tidy: Callable[[], None] = field(default=lambda: None)
    cores: int = 1

    @property
    def command(self) -> list[str]:
        """The command as it is run."""
        return ["taskset", "-c", ",".join(map(str, CORES[: self.cores])), *map(str, self.words)]


def run(program: Program, allowed: Sequence[int] = (0,)) -> Usage:
    """Runs a program on its cores, stdin closed, and returns what it took.

    Raises BenchmarkError, with the end of its stderr, for an exit status that is not allowed.
    """
    command = program.command
    if program.cores > len(CORES):
        raise BenchmarkError(f"{' '.join(command)}: {program.cores} cores wanted, {len(CORES)} there")
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        except OSError as error:
            raise BenchmarkError(f"{command[0]} cannot be started: {error.strerror}") from error
        _, status, resources = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode not in allowed:
            tail = errors.read()[-2000:].decode(errors="replace").strip()
            raise BenchmarkError(f"{' '.join(command)}: exit status {process.returncode}\n{tail}")
        text = output.read().decode(errors="replace")
    program.tidy()
    # Linux counts ru_maxrss in KiB.
    return Usage(resources.ru_utime, resources.ru_stime, wall, resources.ru_maxrss * 1024 / MEGABYTE, text)


@contextmanager
def busy(count: int, cores: int) -> Iterator[None]:
    """Keeps the first so many cores busy meanwhile with processes that do nothing but compute."""
    command = ["taskset", "-c", ",".join(map(str, CORES[:cores])), "timeout", "600", sys.executable, "-c",
               "while True: pass"]
    processes = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()


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
