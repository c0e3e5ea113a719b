"""What a part of the benchmark is: how it measures, and the section of the page that it fills."""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import ClassVar

from clips import Clips
from environment import Environment
from measure import Program, Usage, run

# Everything runs from the root of the repository.
PEERS = Path("Benchmarks") / "peers"


@dataclass(frozen=True)
class Figure:
    """A measurement of so many runs; least and most are None where they are not known."""

    least: float | None
    median: float
    most: float | None
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        return cls(min(values), median(values), max(values), len(values))


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, with its unit, by this project and by a peer.

    `target` is the least ratio that will do, `limit` what our median must stay below. Less is better, except of a rate.
    """

    measured: str
    ours: Figure
    peer: str = ""
    theirs: Figure | None = None
    target: float | None = None
    limit: float | None = None
    is_rate: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better our median is than the peer's."""
        if not self.theirs:
            return None
        ours, theirs = self.ours.median, self.theirs.median
        return ours / theirs if self.is_rate else theirs / ours

    @property
    def is_met(self) -> bool | None:
        """None where there is no target."""
        if self.limit is not None:
            return self.ours.median < self.limit
        return None if self.target is None else self.ratio >= self.target


@dataclass
class Section:
    """What one part found: a section of the page. `output` is that of a program which prints its own table."""

    conditions: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    output: str = ""

    @classmethod
    def of(cls, found: dict) -> "Section":
        """The section of which `dataclasses.asdict` made this."""
        figures = [{key: Figure(**row[key]) for key in ("ours", "theirs") if row[key]} for row in found["rows"]]
        return cls(**found | {"rows": [Row(**row | made) for row, made in zip(found["rows"], figures, strict=True)]})


@dataclass
class Part:
    """One part of a run; a subclass says how it measures, the page's text about it, and about how many minutes it takes
    on two cores with the default number of runs."""

    options: argparse.Namespace
    section: Section
    name: ClassVar[str]
    minutes: ClassVar[int]
    text: ClassVar[str]

    def measure(self) -> None:
        """Fills the section."""
        raise NotImplementedError

    @property
    def clips(self) -> Clips:
        return Clips(self.options.work, self.options.clips, self.options.check)

    def beside(self, name: str) -> Path:
        """A program that is built with pframe."""
        return self.options.pframe.with_name(name)

    def skip(self, what: str) -> None:
        self.section.skipped.append(what)

    def python(self, environment: Environment) -> Path | None:
        """The interpreter of the Python peers, their versions among the conditions; None, and skipped, without pip."""
        python = environment.python()
        if python:
            self.section.conditions.append(("Python peers", environment.versions(python)))
        else:
            self.skip(f"{', '.join(environment.names)}, which need pip and a network")
        return python

    def run(self, program: Program, allowed: Sequence[int] = (0,)) -> Usage:
        """Runs a program and keeps its command for the page."""
        command = shlex.join(program.command)
        if command not in self.section.commands:
            self.section.commands.append(command)
        return run(program, allowed)

    def run_in_turn(
        self, programs: Mapping[str, Program], runs: int | None = None, warm_up: bool = True
    ) -> dict[str, list[Usage]]:
        """Runs programs in turn, `--runs` times each if not told, after one uncounted run of each."""
        if warm_up and not self.options.check:
            for program in programs.values():
                self.run(program)
        usages: dict[str, list[Usage]] = {name: [] for name in programs}
        for _ in range(runs or self.options.runs):
            for name, program in programs.items():
                usages[name].append(self.run(program))
        return usages
