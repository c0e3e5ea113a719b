"""How the references decode: PyAV on one thread, the whole coded picture, vectors exported.

Packets are numbered as they leave the demuxer and the number travels in their time stamp, so that a delivered
picture tells which packet it came from: that is the decode order. A packet that fails to decode is skipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import av
import numpy as np
from av.video.frame import PictureType

COLUMNS = ("source", "w", "h", "src_x", "src_y", "dst_x", "dst_y", "motion_x", "motion_y", "motion_scale")


@dataclass(frozen=True)
class Picture:
    """A delivered picture; `index` counts delivered pictures, `packet` the packets before decoding."""

    index: int
    packet: int
    type: str
    interlaced: bool
    damaged: bool
    luma: np.ndarray  # uint8 (H, W)
    vectors: np.ndarray  # int32 (N, 10), see COLUMNS


def video_stream(container: av.container.InputContainer, number: int | None) -> av.VideoStream:
    """The stream with that number in the container (as ffprobe counts), or the first video stream."""
    stream = container.streams.video[0] if number is None else container.streams[number]
    if stream.type != "video":
        raise SystemExit(f"stream {number} is {stream.type}, not video")
    return stream


def vectors_of(frame: av.VideoFrame) -> np.ndarray:
    """The exported vectors of a frame in export order: int32 (N, 10)."""
    data = frame.side_data.get("MOTION_VECTORS")
    if data is None:
        return np.empty((0, len(COLUMNS)), np.int32)
    vectors = data.to_ndarray()
    return np.stack([vectors[name].astype(np.int32) for name in COLUMNS], axis=1)


def luma_of(frame: av.VideoFrame) -> np.ndarray:
    """A copy of the luma plane: uint8 (H, W)."""
    if not frame.format.name.startswith(("yuv4", "yuvj4", "gray")) or frame.format.components[0].bits != 8:
        raise SystemExit(f"{frame.format.name} is not 8-bit planar YUV")
    plane = frame.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width].copy()


def decode(path: str, number: int | None = None, luma: bool = True) -> Iterator[Picture]:
    """Every picture that the decoder delivers, in its order; `luma=False` leaves the pixels empty."""
    with av.open(path) as container:
        stream = video_stream(container, number)
        context = stream.codec_context
        context.thread_count = 1
        context.thread_type = "NONE"
        context.options = {"flags2": "+export_mvs", "apply_cropping": "0"}
        index = 0
        packets = (packet for packet in container.demux(stream) if packet.size)
        for k, packet in enumerate(chain(packets, [None])):
            if packet is not None:
                packet.pts = packet.dts = k
            try:
                frames = context.decode(packet)
            except av.FFmpegError:
                continue
            for frame in frames:
                yield Picture(
                    index,
                    frame.pts,
                    PictureType(frame.pict_type).name,
                    bool(frame.interlaced_frame),
                    frame.is_corrupt,
                    luma_of(frame) if luma else np.empty((0, 0), np.uint8),
                    vectors_of(frame),
                )
                index += 1
