#!/usr/bin/env python3
"""Wheels of a few kilobytes that stand for PyTorch's and NVIDIA's: the same names, libraries that load each other alike.

    torch_wheels.py FOLDER      writes FOLDER/ordinary (torch, cuda-toolkit, nvidia-…) and FOLDER/cpu (torch alone)
"""

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path


def wheel(folder: Path, name: str, version: str, files: dict[str, bytes], metadata: list[str]) -> None:
    """Writes a wheel with `files`, and what pip wants beside them."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name.replace('_', '-')}", f"Version: {version}", *metadata, ""]
    all_files = files | {
        f"{info}/METADATA": "\n".join(lines).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n",
    }
    record = [f"{info}/RECORD,,"]
    for path, data in all_files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(data)}")
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, data in (all_files | {f"{info}/RECORD": "\n".join(record).encode()}).items():
            archive.writestr(path, data)


def library(work: Path, name: str, needs: list[str]) -> bytes:
    """A shared library that needs others, which it finds where PyTorch's do."""
    source = work / "empty.c"
    source.write_text("int here;\n")
    path = work / name
    rpath = "-Wl,-rpath,$ORIGIN:$ORIGIN/../../nvidia/cu13/lib"
    subprocess.run(
        ["cc", "-shared", "-nostdlib", "-fPIC", "-Wl,--no-as-needed", f"-Wl,-soname,{name}", rpath, source]
        + [work / need for need in needs] + ["-o", path],
        check=True)
    return path.read_bytes()


def main() -> None:
    target = Path(sys.argv[1])
    work = target / "work"
    work.mkdir(parents=True)
    cudart, cupti = library(work, "libcudart.so.13", []), library(work, "libcupti.so.13", [])
    core = library(work, "libc10.so", [])
    rest = {"torch/lib/libc10.so": core, "torch/include/torch.h": b"// A header\n", "torch/__init__.py": b""}
    for name, version, needs, requires in [
        ("cpu", "2.13.0+cpu", ["libc10.so"], ["Requires-Dist: jinja2"]),
        ("ordinary", "2.13.0", ["libc10.so", "libcupti.so.13", "libcudart.so.13"], [
            "Requires-Dist: jinja2",
            'Requires-Dist: cuda-toolkit[cublas,cudart,cupti]==13.0.3; platform_system == "Linux"',
            'Requires-Dist: nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"'])]:
        files = rest | {"torch/lib/libtorch_cpu.so": library(work, "libtorch_cpu.so", needs)}
        if name == "ordinary":
            files["torch/lib/libtorch_cuda.so"] = library(work, "libtorch_cuda.so", [])
        wheel(target / name, "torch", version, files, requires)
    ordinary = target / "ordinary"
    parts = {"cudart": "nvidia-cuda-runtime==13.0.96", "cupti": "nvidia-cuda-cupti==13.0.85", "cublas": "nvidia-cublas==13.1"}
    extras = [line for extra, part in parts.items()
              for line in (f"Provides-Extra: {extra}", f'Requires-Dist: {part}; extra == "{extra}"')]
    wheel(ordinary, "cuda_toolkit", "13.0.3", {}, extras)
    wheel(ordinary, "nvidia_cuda_runtime", "13.0.96", {"nvidia/cu13/lib/libcudart.so.13": cudart}, [])
    wheel(ordinary, "nvidia_cuda_cupti", "13.0.85", {"nvidia/cu13/lib/libcupti.so.13": cupti}, [])
    wheel(ordinary, "nvidia_cublas", "13.1", {"nvidia/cu13/lib/libcublas.so.13": b""}, [])


if __name__ == "__main__":
    main()
