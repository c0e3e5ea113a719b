"""JSON files, and the one error of the package."""

import json
from pathlib import Path
from typing import Any


class PFrameError(Exception):
    """What is wrong with a file or a call: the text names the file, the place and the remedy."""


class Members:
    """The members of a JSON object; a member that is missing or of another type is an error with the file's path."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self.path, self.values = path, values

    @classmethod
    def read(cls, path: Path) -> "Members":
        """Reads a file that holds one object."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise PFrameError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise PFrameError(f"{path}: is not JSON: {error}") from error
        if not isinstance(values, dict):
            raise PFrameError(f"{path}: is not a JSON object")
        return cls(path, values)

    def __contains__(self, name: str) -> bool:
        """Whether there is a member that is not null."""
        return self.values.get(name) is not None

    def _invalid(self, name: str) -> PFrameError:
        return PFrameError(f'{self.path}: has no valid "{name}": it is damaged, or another version of PFrame wrote it')

    def members(self, name: str) -> "Members":
        return Members(self.path, self._typed(name, dict))

    def text(self, name: str, choices: tuple[str, ...] = ()) -> str:
        """A text, one of `choices` where there are any."""
        value = self._typed(name, str)
        if choices and value not in choices:
            raise self._invalid(name)
        return value

    def integer(self, name: str, least: int = 0) -> int:
        value = self._typed(name, int)
        if isinstance(value, bool) or value < least:
            raise self._invalid(name)
        return value

    def flag(self, name: str) -> bool:
        return self._typed(name, bool)

    def number(self, name: str) -> float:
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._invalid(name)
        return float(value)

    def items(self, name: str, kind: type | tuple[type, ...]) -> list[Any]:
        """A list of which every item is of a type."""
        values = self._typed(name, list)
        if not all(isinstance(value, kind) and not isinstance(value, bool) for value in values):
            raise self._invalid(name)
        return values

    def _typed(self, name: str, kind: type) -> Any:
        value = self.values.get(name)
        if not isinstance(value, kind):
            raise self._invalid(name)
        return value
