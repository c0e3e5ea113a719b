#!/usr/bin/env python3
"""Measures pframe beside ffmpeg, PyAV, motion-vector-extractor, webdataset and PyTorch, and prints a table a part.

Needs ffmpeg with libx264 and a release build (`make build`). The Python peers are installed with pip into virtual
environments of the work folder; without a network they are skipped. The numbers decide nothing: the exit status is 1
only where a program fails.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from bitstream import Bitstream
from data import Build, Loader
from extraction import Extraction, Kernels, Memory, Search
from measure import BenchmarkError, announce, capture
from models import Sampling, Training
from part import Section
from report import machine, page, section_text

ROOT = Path(__file__).resolve().parent.parent
PARTS = (Extraction, Bitstream, Build, Loader, Training, Sampling, Search, Memory, Kernels)


def parse() -> argparse.Namespace:
    minutes = ", ".join(f"{part.name} {part.minutes}" for part in PARTS)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"minutes, about, on two cores: {minutes}; all {sum(part.minutes for part in PARTS)}")
    parser.add_argument("--check", action="store_true",
                        help="run each part once on small input, and write nothing unless told where")
    parser.add_argument("--only", nargs="+", choices=[part.name for part in PARTS], metavar="PART",
                        help="these parts alone; the others stay on the page as they are")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="counted runs of every program (%(default)s)")
    parser.add_argument("--clips", type=Path, default=ROOT.parent / "shared" / "clips", metavar="DIR",
                        help="folder of real clips; a clip is generated where it has none (../shared/clips)")
    parser.add_argument("--pframe", type=Path, default=ROOT / ".build" / "release" / "pframe", metavar="PATH",
                        help="the program, KernelBenchmark and ModelBenchmark beside it (.build/release/pframe)")
    parser.add_argument("--work", type=Path, default=ROOT / ".build" / "bench", metavar="DIR",
                        help="folder for made clips, results and virtual environments (.build/bench)")
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="the page, its results as JSON beside it (docs/benchmarks.md; with --check none)")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs takes 1 or more")
    if options.check:
        options.runs = 1
    elif not options.output:
        options.output = ROOT / "docs" / "benchmarks.md"
    for name in ("clips", "pframe", "work", "output"):
        if path := getattr(options, name):
            setattr(options, name, placed(path))
    return options


def placed(path: Path) -> Path:
    """The path from the root of the repository where it lies there or beside, so that commands hold elsewhere."""
    path = path.absolute()
    return Path(os.path.relpath(path, ROOT)) if path.is_relative_to(ROOT.parent) else path


def is_stale(program: Path) -> bool:
    """Whether a source file of the package is newer than the program that is measured."""
    built = program.stat().st_mtime
    return any(path.stat().st_mtime > built for path in Path("Sources").rglob("*") if path.is_file())


def versions(pframe: Path) -> list[tuple[str, str]]:
    """Those of the programs that every part is measured with."""
    if not os.access(pframe, os.X_OK):
        raise BenchmarkError(f"{pframe} is missing: make build")
    stale = " (older than the sources: not the current code)" if is_stale(pframe) else ""
    if stale:
        print(f"warning: {pframe} is older than Sources; build again: make build", file=sys.stderr)
    ffmpeg = capture(["ffmpeg", "-version"]).split()[2]
    return [("pframe", capture([str(pframe), "--version"]).strip() + stale), ("ffmpeg", ffmpeg)]


def write(output: Path, name: str, section: Section) -> None:
    """Puts one section beside those that were measured before, and writes the page of all."""
    store = output.with_suffix(".json")
    found = json.loads(store.read_text(encoding="utf-8")) if store.is_file() else {}
    sections = {key: Section.of(value) for key, value in found.items()} | {name: section}
    output.parent.mkdir(parents=True, exist_ok=True)
    values = {key: asdict(value) for key, value in sections.items()}
    store.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    output.write_text(page(sections, PARTS), encoding="utf-8")


def main() -> int:
    options = parse()
    os.chdir(ROOT)
    options.work.mkdir(parents=True, exist_ok=True)
    parts = [part for part in PARTS if not options.only or part.name in options.only]
    try:
        conditions = machine() + versions(options.pframe)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    failed = False
    for index, part in enumerate(parts):
        left = sum(other.minutes for other in parts[index:])
        wait = "" if options.check else f": about {part.minutes} of the {left} minutes left"
        announce(f"part {index + 1} of {len(parts)}, {part.name}{wait}")
        section = Section(list(conditions))
        start = time.monotonic()
        try:
            part(options, section).measure()
        except BenchmarkError as error:
            print(f"error: {part.name}: {error}", file=sys.stderr)
            failed = True
            continue
        section.conditions.append(("took", f"{(time.monotonic() - start) / 60:.1f} minutes"))
        if options.check:
            section.conditions.append(("input", "small, one run (--check): no target is judged"))
            section.rows = [replace(row, target=None, limit=None) for row in section.rows]
        print(section_text(section, part) + "\n", flush=True)
        if options.output and (section.rows or section.output):
            write(options.output, part.name, section)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
