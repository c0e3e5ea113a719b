"""Lays the results out as Markdown that reads as text."""

import os
import platform
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from textwrap import wrap

from part import Figure, Part, Row, Section

HEADER = ("measured", "pframe", "peer", "peer's", "runs", "ratio", "target")
INTRODUCTION = """# Benchmarks

`make bench` writes this page; run it to measure your own machine. `make bench BENCH="--only build"` measures one part
again and takes the other parts from `benchmarks.json`.

Figures are least / median / most of the counted runs, or the number of a single run; – means unknown. "runs" counts our
runs and, if different, the peer's runs. The ratio of the medians says how many times better pframe is: 2.00 is twice as
fast, or half as large. Commands run from the root of the repository."""
COMPARISON = """## Beside other tools

Numbers are medians, or ratios of medians, of the parts below. The other cells come from the documentation and code of
the peers. "Python pipeline" is PyAV, OpenCV and webdataset, written by hand to make the same clips. A cell is empty if
the tool has another purpose."""
COMPARED = ("", "PFrame", "PyAV, FFmpeg `export_mvs`", "mv-extractor", "Python pipeline", "video-diffusion-pytorch")
COMPARISON_NOTE = """video-diffusion-pytorch runs its Unet3D of the same widths, in batches of 8 in float32. PyAV
decodes on one thread. libavcodec with several threads may export wrong vectors, so PFrame takes one thread per video and
several videos at once."""


def page(sections: Mapping[str, Section], parts: Iterable[type[Part]]) -> str:
    """The whole page: the sections that there are, in the order of the parts."""
    rows = [row for section in sections.values() for row in section.rows if row.is_met is not None]
    met = sum(row.is_met for row in rows)
    texts = [section_text(sections[part.name], part) for part in parts if part.name in sections]
    return "\n\n".join([
        INTRODUCTION, f"{met} of {len(rows)} targets are met.", COMPARISON, table(COMPARED, comparison(sections)),
        COMPARISON_NOTE, *texts,
    ]) + "\n"


def comparison(sections: Mapping[str, Section]) -> list[tuple[str, ...]]:
    """The rows of the table beside other tools, with the numbers of the sections; a number not measured is –."""

    def found(part: str, measured: str, peer: str) -> Row | None:
        rows = sections[part].rows if part in sections else []
        return next((row for row in rows if row.measured == measured and row.peer == peer), None)

    def ratio(peer: str) -> str:
        row = found("extraction", "vectors, CPU s", peer)
        return f"{row.ratio:.1f}" if row else "–"

    def medians(part: str, measured: str, peer: str, unit: str, decimals: int) -> tuple[str, str]:
        row = found(part, measured, peer)
        ours, theirs = (row.ours, row.theirs) if row else (None, None)
        return tuple(f"{figure.median:.{decimals}f} {unit}" if figure else "–" for figure in (ours, theirs))

    built, pipeline = medians("build", "1 job, s", "Python pipeline", "s", 0)
    loaded, webdataset = medians("loader", "read, GB/s", "webdataset, decoded", "GB/s", 1)
    step = "step, batch 8, float32, s"
    (trained, their_trained), (sampled, their_sampled) = (
        medians(part, step, "Unet3D, float32", "s", 1) for part in ("training", "sampling"))
    return [
        ("vectors of 720p H.264, relative CPU time", "1", ratio("PyAV"),
         f"{ratio('mvextractor, frames')}, without pictures {ratio('mvextractor')}", "", ""),
        ("reference of a vector", "which frame, as coded", "past or future", "past or future", "", ""),
        ("residual, and the video rebuilt", "bit for bit", "no", "no", "", ""),
        ("clips of 8 videos of 60 s, 720p, one job", built, "", "", pipeline, "takes ready-made GIFs"),
        ("shards read and decoded", loaded, "", "", webdataset, ""),
        ("ED-VDM's U-Net: step of training, sampling", f"{trained}, {sampled}", "", "", "",
         f"{their_trained}, {their_sampled}"),
        ("sampling starts from", "first frame, caption", "", "", "", "caption"),
        ("training that was killed", "same losses again", "", "", "", "without the optimiser's state"),
    ]


def section_text(section: Section, part: type[Part]) -> str:
    """What one part found, and how."""
    blocks = [f"## {part.name.capitalize()}", part.text.strip()]
    if section.rows:
        blocks.append(table(HEADER, [cells(row) for row in section.rows]))
    if section.output:
        blocks.append(f"```text\n{section.output.rstrip()}\n```")
    blocks += [f"Skipped: {reason}." for reason in section.skipped]
    conditions = [f"- {name}: {value}" for name, value in section.conditions]
    blocks.append("\n".join(line for text in conditions for line in wrap(text, 120, subsequent_indent="  ")))
    if section.commands:
        blocks.append("\n".join(["```text", *map(wrapped, section.commands), "```"]))
    return "\n\n".join(blocks)


def cells(row: Row) -> tuple[str, ...]:
    runs = dict.fromkeys(figure.runs for figure in (row.ours, row.theirs) if figure)
    verdict = "met" if row.is_met else "MISSED"
    bound = f"≥ {row.target:.3g}" if row.target is not None else f"< {row.limit:g}" if row.limit is not None else ""
    return (
        row.measured, spread(row.ours), row.peer, spread(row.theirs) if row.theirs else "", ", ".join(map(str, runs)),
        number(row.ratio) if row.ratio is not None else "", f"{bound} {verdict}" if bound else "",
    )


def wrapped(command: str) -> str:
    """A command over several lines, as a shell reads it."""
    lines = [""]
    for word in map(shlex.quote, shlex.split(command)):
        if len(lines[-1]) + len(word) > 117:
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return " \\\n".join(lines)


def spread(figure: Figure) -> str:
    values = (figure.median,) if figure.runs == 1 else (figure.least, figure.median, figure.most)
    return " / ".join("–" if value is None else number(value) for value in values)


def number(value: float) -> str:
    """Three digits, or all those before the point."""
    decimals = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{decimals}f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns line up."""
    lines = [header, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    texts = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    return "\n".join([texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]])


def machine() -> list[tuple[str, str]]:
    """What ran the benchmark, and when."""
    processor = next(
        (line.split(":", 1)[1].strip() for line in lines_of("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    cores = sum(line.startswith("processor") for line in lines_of("/proc/cpuinfo"))
    memory = next((int(line.split()[1]) for line in lines_of("/proc/meminfo") if line.startswith("MemTotal")), 0)
    system = next(
        (line.split("=", 1)[1].strip().strip('"') for line in lines_of("/etc/os-release") if line.startswith("PRETTY")),
        platform.system(),
    )
    return [
        ("date", date.today().isoformat()),
        ("machine", f"{processor}, {cores} cores, {memory / 1048576:.0f} GiB"),
        ("system", f"{system}, {platform.machine()}"),
        ("load before", f"{os.getloadavg()[0]:.2f}: what else ran in the minute before; 0 is best"),
    ]


def lines_of(path: str) -> list[str]:
    """The lines of a file, none where it does not exist."""
    file = Path(path)
    return file.read_text().splitlines() if file.is_file() else []
