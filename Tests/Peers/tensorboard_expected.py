#!/usr/bin/env python3
"""Writes fixtures/train/tensorboard.events: an event file packed by hand, byte for byte what TensorBoardEvents must write.

usage: tensorboard_expected.py [FILE]

Shares nothing with the library or with TensorFlow: TFRecord framing, CRC-32C bit by bit, and Protocol Buffers' wire format
from their descriptions. The events are those of TensorBoardEventsTests.
"""

import struct
import sys

TIME = 1700000000.25
SCALARS = [
    (501, 1700000001.5, [("loss", 0.125), ("learning_rate", 1e-4)]),
    (100_000, 1700000002.0, [("psnr/validation ü", -31.75), ("loss", 0.0)]),
    (1 << 40, 1700000003.0, [("loss", float("inf")), ("tag" * 60, 1e-30)]),
]


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(message: bytes) -> bytes:
    length = struct.pack("<Q", len(message))
    return length + masked(length) + message + masked(message)


def varint(value: int) -> bytes:
    digits = []
    while True:
        value, digit = value >> 7, value & 0x7F
        digits.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(digits)


def block(tag: int, content: bytes) -> bytes:
    """A field of wire type 2."""
    return bytes([tag << 3 | 2]) + varint(len(content)) + content


def event(time: float, step: int, rest: bytes) -> bytes:
    return record(b"\x09" + struct.pack("<d", time) + (b"\x10" + varint(step) if step else b"") + rest)


def scalar(tag: str, value: float) -> bytes:
    return block(1, block(1, tag.encode()) + b"\x15" + struct.pack("<f", value))


def main() -> None:
    data = event(TIME, 0, block(3, b"brain.Event:2"))
    # SessionLog with status START, at the step after the one that the run resumed at.
    data += event(TIME, 501, block(7, b"\x08\x01"))
    for step, time, values in SCALARS:
        data += event(time, step, block(5, b"".join(scalar(tag, value) for tag, value in values)))
    with open(sys.argv[1] if len(sys.argv) > 1 else "fixtures/train/tensorboard.events", "wb") as file:
        file.write(data)


main()
