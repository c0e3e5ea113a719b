#!/usr/bin/env python3
"""Writes what SafetensorsTests compares with: FOLDER/tensors.safetensors and FOLDER/tensors.safetensors.json.

The file has a tensor of every element type that PFrame knows, and some without elements or dimensions. The JSON holds
every tensor's type, shape and bytes (hexadecimal), and of many changed bytes in the file's first part whether the
`safetensors` package still opens it: [offset, mask to XOR, verdict]. Needs numpy, torch and safetensors.
"""

import argparse
import json
import random
import sys
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file

TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
METADATA = {"note": 'a "quoted" text: {ä, 日本}\n'}


def tensors() -> dict[str, torch.Tensor]:
    """Every type, shapes of 0 to 4 dimensions, some without elements."""
    torch.manual_seed(1)
    shapes = [(3, 4), (2, 3, 2, 2), (5,), (2, 7), (1, 1, 3), (), (4,), (3,), (2, 5), (6,)]
    made = {
        f"layer.{name.lower()}": (torch.randn(shape, dtype=torch.float64) * 50).to(dtype)
        for (name, dtype), shape in zip(TYPES.items(), shapes)
    }
    made["layer.u8"] = torch.randint(0, 256, (2, 5), dtype=torch.uint8)
    made["layer.bool"] = torch.tensor([True, False, False, True, True, False])
    return made | {"empty": torch.zeros(0, 3), "blöcke.0/weight": torch.arange(3, dtype=torch.float32)}


def is_read(data: bytes) -> bool:
    """The package's verdict."""
    try:
        safetensors.deserialize(data)
    except safetensors.SafetensorError:
        return False
    return True


def verdicts(data: bytes, count: int) -> list[tuple[int, int, bool]]:
    """Changes of one byte each in the length and the header."""
    rng = random.Random(1)
    end = 8 + int.from_bytes(data[:8], "little")
    places = [(offset, rng.choice([1 << rng.randrange(8), rng.randrange(1, 256)])) for offset in range(end)]
    found = []
    for offset, mask in rng.sample(places, min(count, len(places))):
        changed = bytearray(data)
        changed[offset] ^= mask
        found.append((offset, mask, is_read(bytes(changed))))
    return sorted(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args().folder
    path = folder / "tensors.safetensors"
    made = tensors()
    save_file(made, path, metadata=METADATA)
    data = path.read_bytes()
    names = {dtype: name for name, dtype in TYPES.items()}
    expected = {
        "metadata": METADATA,
        "tensors": {
            name: {
                "dtype": names[tensor.dtype],
                "shape": list(tensor.shape),
                "bytes": bytes(tensor.contiguous().reshape(-1).view(torch.uint8).tolist()).hex(),
            }
            for name, tensor in made.items()
        },
        "changes": verdicts(data, 600),
    }
    text = json.dumps(expected, ensure_ascii=True, separators=(",", ":"))
    (folder / "tensors.safetensors.json").write_text(text.replace('},"', '},\n"') + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
