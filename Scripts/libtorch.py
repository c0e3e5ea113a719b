#!/usr/bin/env python3
"""Fetches libtorch, the library inside PyTorch's wheel, with pip into FOLDER/torch; nothing to do where it is whole.

    libtorch.py FOLDER

pip decides which wheel that is: a CPU build where it finds one, else PyPI's ordinary wheel, which is built for CUDA. The
ordinary wheel's libtorch does not start without some of NVIDIA's libraries: the script fetches those that the loader
misses, in the versions that the wheel asks for. It leaves out the gigabytes that a GPU needs besides.
"""

import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

# What the tests run with. CTorch compiles against 2.11 and later.
TORCH = "torch==2.13.*"
# The ordinary wheel, pip's cache of it, and what comes out of it.
NEEDED = "3 GB"

ADVICE = """\
  The same command starts over. It needs a network, and {needed} free on this disk and in pip's cache ({free:.1f} GB are free here).
  LIBTORCH=DIR make … takes a PyTorch, 2.11 or later, that is installed: python3 -c 'import torch; print(torch.__path__[0])'
  LIBTORCH=none make build-data builds pframe without what trains and samples."""


class Problem(Exception):
    """Why there is no libtorch."""


def wheel(folder: Path) -> Distribution | None:
    """What pip knows of the torch that it put into `folder`."""
    return next(iter(distributions(name="torch", path=[str(folder)])), None)


def is_whole(folder: Path) -> bool:
    """Whether the wheel's libraries and headers are all there, in full length, and the libraries load."""
    torch = wheel(folder)
    places = [("torch", "lib"), ("torch", "include")]
    files = [file for file in torch.files or [] if file.parts[:2] in places] if torch else []
    try:
        return bool(files) and all(
            file.size is None or (folder / file).stat().st_size == file.size for file in files
        ) and not missing(folder)
    except (OSError, Problem):
        return False


def missing(folder: Path) -> list[str]:
    """What the loader does not find of what pframe-train is linked with, such as libcudart.so.13."""
    libraries = [folder / "torch/lib" / name for name in ("libtorch_cpu.so", "libc10.so")]
    outcome = subprocess.run(["ldd", *libraries], capture_output=True, text=True)
    if outcome.returncode != 0:
        raise Problem(f"ldd cannot read {libraries[0]}: {outcome.stderr.strip()}")
    return sorted(set(re.findall(r"^\s*(\S+) => not found", outcome.stdout, re.MULTILINE)))


def requirement(library: str, torch: Distribution) -> str:
    """Which of the wheel's own requirements brings a library of NVIDIA's."""
    name = re.match(r"(?:lib)?(\w+)", library)[1].lower()
    for wanted in torch.requires or []:
        project, extras, version = re.match(r"([\w-]+)(?:\[(.*?)\])?([=<>!~][\w.,=<>!~]*)?", wanted).groups("")
        if name in extras.split(","):
            return f"{project}[{name}]{version}"
        # Before CUDA 13 each library was a requirement of its own, and cudart was called the runtime.
        if project.startswith("nvidia-") and (name in project or (name == "cudart" and "cuda-runtime" in project)):
            return project + version
    raise Problem(f"libtorch {torch.version} needs {library}, which is not on this machine: install it")


def run(command: list[str | Path], temporary: Path) -> None:
    """Runs a command whose temporary files lie in a folder of ours: on the same disk, and gone with it."""
    if subprocess.run(["env", f"TMPDIR={temporary.resolve()}", *command]).returncode != 0:
        raise Problem(f"{Path(command[0]).name} {' '.join(str(part) for part in command[1:4])} failed, as it says above")


def fetch(made: Path, temporary: Path) -> None:
    """Fetches libtorch and what it needs to start into `made`."""
    run([sys.executable, "-m", "venv", temporary / "venv"], temporary)
    install = [temporary / "venv/bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    run([*install, "--target", made, "--no-deps", TORCH], temporary)
    torch = wheel(made)
    if torch is None:
        raise Problem(f"pip put no torch into {made}")
    if libraries := missing(made):
        wanted = dict.fromkeys(requirement(library, torch) for library in libraries)
        run([*install, "--target", made, *wanted], temporary)
    if libraries := missing(made):
        raise Problem(f"libtorch {torch.version} needs {', '.join(libraries)}, which what it asks for does not bring")


def described(folder: Path) -> str:
    """Which build a folder holds, and how large it is."""
    size = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
    build = "a CPU build"
    if (folder / "torch/lib/libtorch_cuda.so").exists():
        parts = [part for part in distributions(path=[str(folder)]) if part.name.startswith("nvidia-")]
        names = sorted(f"{part.name} {part.version}" for part in parts)
        build = f"a CUDA build with what it needs to start without a GPU ({', '.join(names)})"
    return f"libtorch {wheel(folder).version}, {build}: {size / 1e6:,.0f} MB in {folder}"


def main(folder: Path) -> int:
    """Exit codes: 0 libtorch is there, 1 it is not."""
    if is_whole(folder):
        return 0
    work = folder.with_name(folder.name + ".tmp")
    print(f"fetching {TORCH} with pip: 200 MB where pip finds a CPU build, else 540 MB", flush=True)
    try:
        # A run that was killed leaves it behind.
        shutil.rmtree(work, ignore_errors=True)
        (work / "temporary").mkdir(parents=True)
        fetch(work / "made", work / "temporary")
        if folder.is_symlink():
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        (work / "made").rename(folder)
    except (Problem, OSError) as problem:
        free = shutil.disk_usage(folder.absolute().parent).free / 1e9
        print(f"error: no libtorch: {problem}", ADVICE.format(needed=NEEDED, free=free), sep="\n", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(described(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
