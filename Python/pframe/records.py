"""Records of a data set of `pframe build` or `pframe encode`."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from .checksum import crc32c
from .files import Members, PFrameError

SCHEMA = 1
"""The newest layout that this package reads."""


class Record(Mapping[str, Any]):
    """A clip in a shard: its members by name, `.npy` members as arrays and other members as bytes."""

    def __init__(self, row: Members, shard: Path, data: bytes) -> None:
        self._row, self._shard, self._data = row, shard, data

    @property
    def key(self) -> str:
        """`SSSSSS_NNNNNNN`, unique in the data set."""
        return self._row.text("key")

    @property
    def caption(self) -> str:
        """The caption, empty without one."""
        return self._row.values.get("caption") or ""

    @property
    def row(self) -> dict[str, Any]:
        """The row of the record: scores, metadata, times of frames."""
        return self._row.values

    def __getitem__(self, name: str) -> Any:
        if name not in self._members():
            raise KeyError(f"record {self.key} has no {name}: it has {', '.join(self)}")
        offset, length = self._place(name)
        data = self._data[offset : offset + length]
        if not name.endswith(".npy"):
            return data
        try:
            return np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise PFrameError(f"{self._shard}: record {self.key}: {name} is no array: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._members())

    def __len__(self) -> int:
        return len(self._members())

    def _members(self) -> dict[str, Any]:
        return self._row.members("members").values

    def _place(self, name: str) -> tuple[int, int]:
        """Where a member begins in the record, and its length."""
        place = self._row.members("members").items(name, int)
        start, size = self._row.integer("offset"), self._row.integer("size", 1)
        if len(place) != 2 or not (0 <= place[0] - start and 0 <= place[1] <= size - (place[0] - start)):
            raise PFrameError(f"{self._row.path}: record {self.key}: {name} lies outside: run `pframe check`")
        return place[0] - start, place[1]


class Records(Sequence[Record]):
    """The records of a data set in their stored order. Usable as a data set of `torch.utils.data.DataLoader` with a
    `collate_fn` that stacks the arrays that it needs."""

    def __init__(self, folder: str | Path, verify: bool = True) -> None:
        """Reads `dataset.json` and the rows of all shards.

        verify: compare the CRC-32C of each record with its row. Raises PFrameError, as reading a record does.
        """
        self.folder, self.verify = Path(folder), verify
        path = self.folder / "dataset.json"
        if not path.is_file():
            raise PFrameError(f"{self.folder}: is not a finished data set: no dataset.json (`pframe build` makes one)")
        self.description = Members.read(path)
        """`dataset.json`."""
        if self.description.integer("schema") > SCHEMA:
            raise PFrameError(f"{path}: schema {self.description.integer('schema')} is newer than this package knows")
        self._rows: list[tuple[Path, Members]] = []
        for shard in self.description.items("shards", dict):
            name = Members(path, shard).text("name")
            rows = self._read_rows(self.folder / f"{name}.jsonl")
            if len(rows) != Members(path, shard).integer("samples"):
                raise PFrameError(f"{self.folder / name}.jsonl: has {len(rows)} rows, {path} says {shard['samples']}")
            self._rows += [(self.folder / f"{name}.tar", row) for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        shard, row = self._rows[index]
        offset, size = row.integer("offset"), row.integer("size", 1)
        try:
            with shard.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise PFrameError(f"{shard}: {error.strerror}") from error
        record = Record(row, shard, data)
        if len(data) != size or (self.verify and crc32c(data) != row.integer("crc32c")):
            found = f"has {len(data)} of {size} bytes" if len(data) != size else "has another CRC-32C than its row says"
            raise PFrameError(f"{shard}: at byte {offset}: record {record.key} {found}: run `pframe check`")
        return record

    @staticmethod
    def _read_rows(path: Path) -> list[Members]:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise PFrameError(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise PFrameError(f"{path}: at byte {error.start}: the rows are not UTF-8") from error
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise PFrameError(f"{path}: line {number} is not a row: run `pframe check`")
            rows.append(Members(path, row))
        return rows
