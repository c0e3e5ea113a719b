#!/usr/bin/env python3
r"""Defines how small the luma residual of H.264 inter blocks must be, from the exported vectors alone.

Prediction follows ITU-T H.264, 8.4.2.2.1 (6-tap half samples, averaged quarter samples) and 8.4.2.3.1 (default
bi-prediction), coordinates clamped to the coded picture; weights are unknown and not applied. libavcodec exports no
reference index, so each block takes, among the last R decoded reference pictures, the one with the least sum of
absolute differences from the true block; two lists take the best pair, or one list alone where that is not worse.

Prints a row for every progressive frame with vectors among the first 50 displayed ones: how many pixels a vector
covers, and the energy sum(r^2) that this prediction leaves there. The rows of fixtures and real clips are kept in
fixtures/predictions.csv, with which PredictionQualityTests compares the residual that PFrame stores:

    python3 Tests/Peers/h264_prediction.py fixtures/{bframes-4refs,one-reference,cropped}.mp4 fixtures/open-gop.h264 \
        ../shared/clips/{mma_demo,tc_nasa_13013,mvx_vid_h264,decord_corrupted}.mp4 > fixtures/predictions.csv

A Python with numpy and PyAV makes them: pip install numpy 'av==17.*'.
"""

import argparse
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from decoding import decode, video_stream

FRAMES = 50
LATER = 16  # pictures after those, to which they may refer
MARGIN = 8  # rows and columns repeated around a picture: beyond them every sample equals its neighbour
ORIGIN = MARGIN - 2  # index of the picture's first sample in a plane of `quarter_planes`


# The stream: which packets hold reference pictures (7.3.1, 7.4.1) and how many a picture may use (7.3.2.1.1).


@dataclass(frozen=True)
class Access:
    """What the first slice of a packet says."""

    is_reference: bool
    is_idr: bool


class Bits:
    """Reads the bits of a raw byte sequence payload."""

    def __init__(self, nal: bytes) -> None:
        payload = nal.replace(b"\0\0\3", b"\0\0")
        self.bits = "".join(f"{byte:08b}" for byte in payload)
        self.position = 0

    def u(self, count: int) -> int:
        self.position += count
        return int(self.bits[self.position - count : self.position], 2)

    def ue(self) -> int:
        zeros = self.bits.index("1", self.position) - self.position
        self.position += zeros
        return self.u(zeros + 1) - 1

    def se(self) -> int:
        value = self.ue()
        return (value + 1) // 2 if value % 2 else -value // 2


def nal_units(data: bytes, length_size: int) -> Iterator[bytes]:
    """The NAL units of a packet: length-prefixed, or Annex B where `length_size` is 0."""
    if length_size == 0:
        yield from (nal for nal in re.split(b"\0\0\1", data)[1:] if nal)
        return
    while len(data) > length_size:
        end = length_size + int.from_bytes(data[:length_size])
        if end > length_size:
            yield data[length_size:end]
        data = data[end:]


def parameter_sets(extradata: bytes) -> tuple[int, list[bytes]]:
    """The length size of the stream's NAL units (0: Annex B) and the sequence parameter sets of its header."""
    if not extradata.startswith(b"\1"):
        return 0, [nal for nal in nal_units(extradata, 0) if nal[0] & 31 == 7]
    sets, position = [], 6
    for _ in range(extradata[5] & 31):
        end = position + 2 + int.from_bytes(extradata[position : position + 2])
        sets.append(extradata[position + 2 : end])
        position = end
    return (extradata[4] & 3) + 1, sets


def max_num_ref_frames(sps: bytes) -> int:
    """The field of that name of a sequence parameter set."""
    bits = Bits(sps[1:])
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    if profile in (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135):
        chroma = bits.ue()
        if chroma == 3:
            bits.u(1)
        bits.ue(), bits.ue(), bits.u(1)
        if bits.u(1):
            for i in range(8 if chroma != 3 else 12):
                if bits.u(1):
                    skip_scaling_list(bits, 16 if i < 6 else 64)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.u(1), bits.se(), bits.se()
        for _ in range(bits.ue()):
            bits.se()
    return bits.ue()


def skip_scaling_list(bits: Bits, size: int) -> None:
    """Reads past scaling_list() (7.3.2.1.1.1)."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def read_accesses(path: str, number: int | None) -> tuple[list[Access], int]:
    """What each packet holds, by its number, and R: the largest max_num_ref_frames of the stream."""
    accesses, references = [], 0
    with av.open(path) as container:
        stream = video_stream(container, number)
        if stream.codec_context.name != "h264":
            raise SystemExit(f"{path}: {stream.codec_context.name}, not h264")
        length_size, sets = parameter_sets(stream.codec_context.extradata or b"")
        references = max(map(max_num_ref_frames, sets), default=0)
        for packet in container.demux(stream):
            if not packet.size:
                continue
            access = Access(False, False)
            for nal in nal_units(bytes(packet), length_size):
                if nal[0] & 31 == 7:
                    references = max(references, max_num_ref_frames(nal))
                if nal[0] & 31 in (1, 5):
                    access = Access(nal[0] >> 5 & 3 > 0, nal[0] & 31 == 5)
                    break
            accesses.append(access)
    return accesses, references


# Inter prediction (8.4.2.2.1). Letters are the standard's, figure 8-4: G whole samples, b and h half samples between
# columns and between rows, j between both; m is h one column to the right, s is b one row below.


def six_tap(samples: np.ndarray, axis: int) -> np.ndarray:
    """E - 5F + 20G + 20H - 5I + J along an axis, which becomes 5 shorter; its first value lies after sample 2."""
    length = samples.shape[axis] - 5
    e, f, g, h, i, j = (samples.take(range(k, k + length), axis) for k in range(6))
    return e - 5 * f + 20 * g + 20 * h - 5 * i + j


def quarter_planes(luma: np.ndarray) -> np.ndarray:
    """The picture at all quarter sample phases: uint8 (16, H', W'), phase 4 * (y & 3) + (x & 3)."""
    padded = np.pad(luma, MARGIN, mode="edge").astype(np.int32)
    horizontal = six_tap(padded, 1)
    b = np.clip(horizontal[2:-3] + 16 >> 5, 0, 255)
    h = np.clip(six_tap(padded, 0)[:, 2:-3] + 16 >> 5, 0, 255)
    j = np.clip(six_tap(horizontal, 0) + 512 >> 10, 0, 255)
    g = padded[2:-3, 2:-3]
    right, below = g[:-1, 1:], g[1:, :-1]
    m, s = h[:-1, 1:], b[1:, :-1]
    g, b, h, j = (plane[:-1, :-1] for plane in (g, b, h, j))

    def mean(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return p + q + 1 >> 1

    return np.stack(
        [
            *(g, mean(g, b), b, mean(b, right)),
            *(mean(g, h), mean(b, h), mean(b, j), mean(b, m)),
            *(h, mean(h, j), j, mean(j, m)),
            *(mean(h, below), mean(h, s), mean(j, s), mean(s, m)),
        ]
    ).astype(np.uint8)


def predict(planes: np.ndarray, corners: np.ndarray, vectors: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The predictions (n, h, w) of blocks with these top left corners (n, 2) and quarter sample vectors (n, 2)."""
    w, h = size
    phase = 4 * (vectors[:, 1] & 3) + (vectors[:, 0] & 3)
    first = corners + (vectors >> 2) + ORIGIN
    columns = np.clip(first[:, :1] + np.arange(w), 0, planes.shape[2] - 1)
    rows = np.clip(first[:, 1:] + np.arange(h), 0, planes.shape[1] - 1)
    return planes[phase[:, None, None], rows[:, :, None], columns[:, None, :]]


def predict_frame(luma: np.ndarray, vectors: np.ndarray, candidates: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The prediction of a picture and the mask of the pixels that have one; candidates most recent first."""
    prediction = np.zeros_like(luma)
    covered = np.zeros(luma.shape, bool)
    for w, h in {(w, h) for w, h in vectors[:, 1:3].tolist()}:
        rows = vectors[(vectors[:, 1] == w) & (vectors[:, 2] == h)]
        corners, block = np.unique(rows[:, 5:7] - (w // 2, h // 2), axis=0, return_inverse=True)
        y = corners[:, 1, None, None] + np.arange(h)[:, None]
        x = corners[:, 0, None, None] + np.arange(w)
        truth = luma[y, x].astype(np.int16)
        best = np.zeros_like(truth)
        least = np.full(len(corners), np.iinfo(np.int64).max)

        def consider(blocks: np.ndarray, guess: np.ndarray) -> None:
            distance = np.abs(truth[blocks] - guess).sum((1, 2), dtype=np.int64)
            better = distance < least[blocks]
            least[blocks[better]] = distance[better]
            best[blocks[better]] = guess[better]

        lists: list[tuple[np.ndarray, list[np.ndarray]]] = []
        for source in (-1, 1):
            chosen = np.sign(rows[:, 0]) == source
            blocks = block[chosen]
            mv = rows[chosen, 7:9]
            guesses = [predict(planes, corners[blocks], mv, (w, h)).astype(np.int16) for planes in candidates]
            lists.append((blocks, guesses))
            for guess in guesses:
                consider(blocks, guess)
        both, first, second = np.intersect1d(lists[0][0], lists[1][0], return_indices=True)
        if len(both):
            for p, q in itertools.product(lists[0][1], lists[1][1]):
                consider(both, p[first] + q[second] + 1 >> 1)
        prediction[y, x] = best
        covered[y, x] = True
    return prediction, covered


# What the prediction leaves.


def residuals(video: str) -> Iterator[tuple[int, int, int]]:
    """Of the judged frames in decode order: frame, covered pixels, energy."""
    accesses, limit = read_accesses(video, None)
    references: list[np.ndarray] = []  # quarter planes, most recent first
    for picture in sorted(itertools.islice(decode(video), FRAMES + LATER), key=lambda picture: picture.packet):
        access = accesses[picture.packet]
        if access.is_idr:
            references = []
        usable = picture.type != "I" and not picture.interlaced and not picture.damaged
        if picture.index < FRAMES and usable and len(picture.vectors) and references:
            prediction, covered = predict_frame(picture.luma, picture.vectors, references)
            residual = (picture.luma.astype(np.int64) - prediction)[covered]
            yield picture.index, len(residual), int(np.square(residual).sum())
        if access.is_reference:
            references = [quarter_planes(picture.luma), *references][:limit]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    arguments = parser.parse_args()
    print("clip,frame,pixels,energy")
    for video in arguments.videos:
        for row in sorted(residuals(video)):
            print(Path(video).name, *row, sep=",", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
