#!/usr/bin/env python3
"""Compiles Sources/CTorch against the headers of several versions of libtorch, and looks in their libraries for every
function that it calls or, of libtorch for CUDA, looks up by its name.

    headers.py FOLDER [VERSION ...]

A VERSION is what pip takes: torch==2.13.0 is a CPU build where pip finds one, torch===2.13.0 is PyPI's ordinary wheel,
which is built for CUDA. Without a VERSION: the ordinary wheel of the oldest version that PFrame takes, and the newest
version that pip finds. If this is a CPU build, also the ordinary wheel of the version. Each is fetched with pip once. Of
the wheel, up to 900 MB, only the headers and the names of the libraries' functions are kept, in FOLDER. Exit codes: 0 all
is well, 1 a file does not compile or a function is missing, 2 a version cannot be fetched.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "Sources" / "CTorch"
OLDEST = "2.11.0"
# What pframe-train is linked with.
LIBRARIES = ("torch/lib/libtorch_cpu.so", "torch/lib/libc10.so")
# Where it is, pframe-train opens it.
CUDA = "torch/lib/libtorch_cuda.so"
# Names that are looked up in there.
LOOKED_UP = re.compile(r'"(_ZN2at4cuda\w+)"')
# Names, as compilers mangle them, that only libtorch can have.
OWN = re.compile(r"^(_Z.*(2at|3c10|5torch|6caffe2)|cpuinfo_)")


def names(files: list[Path], *options: str) -> set[str]:
    """Functions and variables that object files or libraries define or lack."""
    lines = subprocess.run(["nm", "-P", *options, *files], check=True, capture_output=True, text=True).stdout
    return {line.split()[0].split("@")[0] for line in lines.splitlines() if " " in line}


def version(requirement: str, folder: Path) -> Path:
    """The folder with the headers and names of a version, which is fetched where it is not there yet."""
    made = folder / requirement
    if made.exists():
        return made
    temporary = made.with_name(made.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"]
    if subprocess.run([*pip, "--dest", temporary, requirement], stdout=sys.stderr).returncode != 0:
        sys.exit(2)
    (wheel,) = temporary.glob("torch-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        all_names = archive.namelist()
        kept = [name for name in all_names if name.startswith("torch/include/") or name in (*LIBRARIES, CUDA)]
        archive.extractall(temporary, kept)
    libraries = [temporary / name for name in (*LIBRARIES, CUDA) if name in all_names]
    found = names(libraries, "-D", "--defined-only")
    if CUDA in all_names:
        (temporary / "cuda").touch()
    (temporary / "names").write_text("\n".join(sorted(filter(OWN.match, found))))
    (temporary / "version").write_text(wheel.name.split("-")[1])
    for file in [wheel, *libraries]:
        file.unlink()
    temporary.rename(made)
    return made


def check(made: Path) -> list[str]:
    """What is wrong with a version; nothing where all is well."""
    sources = sorted(SOURCES.glob("*.cpp"))
    # As Package.swift compiles them, but without optimisation.
    options = ["-std=c++20", "-DNDEBUG", "-fPIC", "-w", "-isystem", made / "torch/include", "-I", SOURCES / "include"]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as threads:
        objects = [Path(folder) / f"{source.stem}.o" for source in sources]
        found = list(
            threads.map(
                lambda pair: subprocess.run(
                    ["clang++", *options, "-c", pair[0], "-o", pair[1]], capture_output=True, text=True, errors="replace"
                ),
                zip(sources, objects),
            )
        )
        wrong = [f"{source.name}:\n{one.stderr}" for source, one in zip(sources, found) if one.returncode != 0]
        if wrong:
            return wrong
        lacking = names(objects, "--undefined-only") - names(objects, "--defined-only")
    if (made / "cuda").exists():
        lacking |= {name for source in sources for name in LOOKED_UP.findall(source.read_text())}
    known = set((made / "names").read_text().split("\n"))
    return [f"{name} is in no library" for name in sorted(filter(OWN.match, lacking - known))]


def main(folder: Path, requirements: list[str]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    if not requirements:
        newest = (version("torch", folder) / "version").read_text()
        requirements = [f"torch==={OLDEST}", "torch"]
        if "+" in newest:
            requirements.append(f"torch==={newest.split('+')[0]}")
    failed = False
    for requirement in requirements:
        made = version(requirement, folder)
        wrong = check(made)
        failed |= bool(wrong)
        says = "\n".join(wrong) if wrong else "every file compiles, and every function is in a library"
        print(f"{requirement}: libtorch {(made / 'version').read_text()}: {says}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
