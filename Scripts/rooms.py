#!/usr/bin/env python3
"""Says which arrows between rooms run the wrong way: imports between targets, names between the folders of a target.

ROOMS is the one table of what may use what; docs/architecture.md shows the same. A folder, with the folders in it, may
use the folders that its target lists before it. A name counts as used where the word stands in code, outside comments and strings.
A module that a target of Package.swift imports without naming it there is listed too: SwiftPM may compile it too late.
Exit status 1 where something is listed; with --report 0.
"""

import argparse
import collections
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent.parent
SOURCES = PACKAGE / "Sources"


class Room(NamedTuple):
    """A target: where it lies, the modules that it may import, and its folders from the ground up ("": its own)."""

    path: str
    uses: set[str]
    folders: list[str] = [""]


DATA = {"Storage", "Codec", "Bitstream", "MotionVectors", "Figures", "Shards", "Dataset"}
ROOMS = {
    "Storage": Room("Storage", {"CKernels", "COpenSSL", "CCurl", "CISAL"}),
    "Codec": Room("Codec", {"Storage", "CFFmpeg", "CJPEG"}),
    "Bitstream": Room(
        "Bitstream", {"Storage", "Codec"}, ["Bits", "Syntax", "Motion", "Pictures", "Residual", ""]
    ),
    "MotionVectors": Room("MotionVectors", {"Storage", "Codec", "Bitstream", "CKernels"}, ["", "Files"]),
    "Figures": Room("Figures", {"Storage", "Codec", "Bitstream", "MotionVectors", "CPango"}),
    "Shards": Room("Dataset/Shards", {"Storage"}, ["", "Loader"]),
    "Dataset": Room(
        "Dataset",
        {*DATA, "CKernels", "COpenBLAS", "GRDB"},
        ["", "Index", "Scores", "Clips", "Inputs", "Build", "Derived", "Filter", "Check", "Report", "Synthetic"],
    ),
    "Train": Room(
        "Train",
        {*DATA, "CMPI", "COpenBLAS", "CTorch", "CUTF8Proc"},
        ["", "Tensor", "Layers", "Networks", "Diffusion", "Conditioning", "Distributed", "Run", "Coding", "Sampling"]
        + ["Evaluation", "Models"],
    ),
    "ToolOptions": Room("Tools/ToolOptions", DATA),
    "EngineOptions": Room("Tools/EngineOptions", {*DATA, "Train", "ToolOptions"}),
    "pframe": Room("Tools/pframe", {*DATA, "ToolOptions"}),
    "pframe-train": Room("Tools/pframe-train", {*DATA, "Train", "ToolOptions", "EngineOptions"}),
    "pframe-sample": Room("Tools/pframe-sample", {*DATA, "Train", "ToolOptions", "EngineOptions"}),
}
# What every target may import.
COMMON = {"ArgumentParser", "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Synchronization"}
COMMON |= {"SystemPackage"}

IMPORT = re.compile(r"^(?:@\w+ )?(?:\w+ )?import (?:(?:struct|class|enum|protocol|func) )?(\w+)", re.MULTILINE)
DECLARATION = re.compile(
    r"^(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|final|indirect|nonisolated)\s+)*"
    r"(?:struct|class|enum|protocol|actor|typealias|func) (\w+)",
    re.MULTILINE,
)
TEXT = re.compile(r'//[^\n]*|"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"')


def room_of(path: Path) -> tuple[str, str]:
    """The target of a file, the one with the longest path, and the folder in the target."""
    place = path.relative_to(SOURCES).parent.as_posix() + "/"
    homes = [name for name, room in ROOMS.items() if place.startswith(room.path + "/")]
    if not homes:
        raise SystemExit(f"{path}: no room in Scripts/rooms.py has this file")
    home = max(homes, key=lambda name: len(ROOMS[name].path))
    folder = place.removeprefix(ROOMS[home].path + "/").rstrip("/")
    listed = [name for name in ROOMS[home].folders if f"{folder}/".startswith(f"{name}/")]
    return home, max(listed, key=len, default=folder)


def wrong_arrows() -> list[str]:
    files = {path: TEXT.sub("", path.read_text()) for path in sorted(SOURCES.rglob("*.swift"))}
    homes = {path: room_of(path) for path in files}
    found = []
    for path, text in files.items():
        home, folder = homes[path]
        if folder not in ROOMS[home].folders:
            found.append(f"{home}: the folder {folder} is not in the table")
        for module in sorted(set(IMPORT.findall(text)) - ROOMS[home].uses - COMMON):
            found.append(f"{home} → {module}: {path.name}")
    # Names that one folder of a target declares, and no other.
    declared = collections.defaultdict(set)
    for path, text in files.items():
        for name in DECLARATION.findall(text):
            declared[homes[path][0], name].add(homes[path][1])
    arrows = collections.defaultdict(lambda: collections.defaultdict(set))
    for path, text in files.items():
        home, folder = homes[path]
        order = ROOMS[home].folders
        for name in set(re.findall(r"\b\w+\b", text)):
            owners = declared.get((home, name), set())
            if len(owners) == 1 and folder in order:
                (owner,) = owners
                if owner in order and order.index(owner) > order.index(folder):
                    arrows[home, folder, owner][name].add(path.stem)
    for (home, folder, owner), names in sorted(arrows.items()):
        uses = "; ".join(f"{name} ({', '.join(sorted(users))})" for name, users in sorted(names.items()))
        found.append(f"{home}: {folder or home} → {owner}: {uses}")
    return sorted(set(found))


def undeclared_imports() -> list[str]:
    manifest = json.loads(
        subprocess.run(
            ["swift", "package", "--package-path", PACKAGE, "dump-package"], check=True, capture_output=True
        ).stdout
    )
    targets = {target["name"] for target in manifest["targets"]}
    found = []
    for target in manifest["targets"]:
        default = ("Tests/" if target["type"] == "test" else "Sources/") + target["name"]
        folder = PACKAGE / (target.get("path") or default)
        excluded = [folder / name for name in target["exclude"]]
        named = {next(value for key, value in kind.items() if value)[0] for kind in target["dependencies"]}
        for path in sorted(folder.rglob("*.swift")):
            if not any(path.is_relative_to(part) for part in excluded):
                for module in sorted((set(IMPORT.findall(path.read_text())) & targets) - named):
                    found.append(f"{target['name']} imports {module} and Package.swift does not say so: {path.name}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="only say what is wrong")
    arguments = parser.parse_args()
    found = wrong_arrows() + undeclared_imports()
    for arrow in found:
        print(arrow)
    return 1 if found and not arguments.report else 0


if __name__ == "__main__":
    sys.exit(main())
