"""Runs the stages of a demonstration one after another; what is complete is not made again."""

import ctypes
import hashlib
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


class DemoError(Exception):
    """A stage failed; the text says which and why."""


@dataclass
class Stage:
    """A command of pframe, or several, that make one thing."""

    name: str
    title: str
    # What the commands write: taken away where a command changed, else left, because pframe resumes.
    made: Path
    # What is there once it is complete.
    proof: Path
    commands: list[list[str]]
    # Seconds on two slow cores, for the time left.
    expected: float
    # Exit status 1 of `build` tells of videos without a clip; the set is complete.
    allowed: Sequence[int] = (0,)
    # Whether `made` is a folder that the commands expect to be there.
    needs_folder: bool = False
    # Files that take the standard output of the commands, one each; none is kept where there are none.
    outputs: list[Path] = field(default_factory=list)


@dataclass
class Done:
    """A stage that is complete."""

    title: str
    commands: list[list[str]]
    seconds: float


class Runner:
    """Runs stages in a folder, and says how long the rest will take."""

    def __init__(self, folder: Path, pframe: Path, expected: float) -> None:
        self.folder = folder
        self.pframe = pframe
        self.left = expected
        self.total = expected
        # How long stages took, and should have taken.
        self.spent, self.planned = 0.0, 0.0
        self.done: list[Done] = []
        # What the next stage rests on: where it changes, what was made of it is made again.
        self.past = ""

    def rest_on(self, facts: object) -> None:
        """Lets all later stages depend on something that is in none of their commands."""
        self.past = hashlib.sha256(json.dumps([self.past, facts]).encode()).hexdigest()

    def run(self, stage: Stage, number: int, of: int) -> None:
        """Runs a stage unless it is complete.

        Raises: DemoError where a command fails.
        """
        record = self.folder / ".stages" / f"{stage.name}.json"
        known = json.loads(record.read_text()) if record.exists() else {}
        self.rest_on(stage.commands)
        head = f"[{number}/{of}] {stage.title}"
        if known.get("rests_on") != self.past:
            if known:
                say(f"{head}: made again, because what it rests on changed")
            if stage.made.is_dir():
                shutil.rmtree(stage.made)
            stage.made.unlink(missing_ok=True)
            known = {"rests_on": self.past}
            self.keep(record, known)
        if known.get("seconds") is not None and stage.proof.exists():
            say(f"{head}: there already")
        else:
            say(f"{head}  ({self.time_left()})")
            if stage.needs_folder:
                stage.made.mkdir(exist_ok=True)
            start = time.monotonic()
            for place, command in enumerate(stage.commands):
                self.call(command, stage, stage.outputs[place] if stage.outputs else None)
            if not stage.proof.exists():
                raise DemoError(f"{stage.proof} was not made; what pframe said stands above")
            known["seconds"] = time.monotonic() - start
            self.keep(record, known)
            self.spent += known["seconds"]
            self.planned += stage.expected
        self.left -= stage.expected
        self.done.append(Done(stage.title, stage.commands, known["seconds"]))

    def call(self, command: list[str], stage: Stage, output: Path | None) -> None:
        say("      pframe " + shlex.join(command))
        # Its messages and progress, with the time left, go to the reader; its results into a file.
        with subprocess.Popen([self.pframe, *command], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent) as process:
            try:
                results, _ = process.communicate()
            except KeyboardInterrupt:
                # The terminal interrupted pframe as well, which keeps what it has before it ends.
                process.wait()
                raise
        if process.returncode not in stage.allowed:
            raise DemoError(
                f"pframe {shlex.join(command)}: exit status {process.returncode}; what it said stands above")
        if output:
            partial = output.with_name(output.name + ".tmp")
            partial.write_text(results, encoding="utf-8")
            partial.replace(output)

    def time_left(self) -> str:
        """An estimate from what stages took so far, beside what they were expected to take."""
        # A prior of a minute keeps a first stage of two seconds from ruling it.
        pace = (self.spent + 60) / (self.planned + 60)
        return f"about {clock(self.left * pace)} left in all"

    @staticmethod
    def keep(record: Path, known: dict) -> None:
        record.parent.mkdir(parents=True, exist_ok=True)
        partial = record.with_suffix(".tmp")
        partial.write_text(json.dumps(known))
        partial.replace(record)


def end_with_parent() -> None:
    """Lets no command go on writing when the demonstration was killed: the next one begins at once (prctl(2))."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
