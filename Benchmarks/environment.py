"""Virtual environments for the Python peers, made on first use."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from measure import announce, capture


@dataclass(frozen=True)
class Environment:
    """A virtual environment in `folder` with the packages that pip gives, the imports that must work in it, and
    packages to take without those that they name."""

    folder: Path
    packages: tuple[str, ...]
    modules: str
    bare: tuple[str, ...] = ()

    def python(self) -> Path | None:
        """Its interpreter; None where pip cannot install, as without a network."""
        python = self.folder / "bin" / "python"
        if python.is_file() and imports(python, self.modules):
            return python
        announce(f"installing {', '.join(self.packages)}")
        shutil.rmtree(self.folder, ignore_errors=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--retries", "1", "--disable-pip-version-check"]
        commands = [[sys.executable, "-m", "venv", self.folder], [*pip, *self.packages]]
        if self.bare:
            commands.append([*pip, "--no-deps", *self.bare])
        for command in commands:
            result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if result.returncode:
                print("\n".join((result.stderr or result.stdout).strip().splitlines()[-3:]), file=sys.stderr)
                return None
        return python if imports(python, self.modules) else None

    @property
    def names(self) -> list[str]:
        """Its packages without the versions asked for."""
        return [package.partition("=")[0] for package in (*self.packages, *self.bare)]

    def versions(self, python: Path) -> str:
        """The versions of Python, of the packages, and of the libavcodec inside PyAV."""
        script = (
            "import platform, sys; from importlib.metadata import version as v; "
            "print(', '.join(['Python ' + platform.python_version(), *(f'{n} {v(n)}' for n in sys.argv[1:])]))\n"
            "if 'av' in sys.argv:\n"
            "  import av; print('; libavcodec of av', '.'.join(map(str, av.library_versions['libavcodec'])))"
        )
        return capture([str(python), "-c", script, *self.names]).strip().replace("\n", "")


def imports(python: Path, modules: str) -> bool:
    return subprocess.run([python, "-c", modules], capture_output=True, check=False).returncode == 0
