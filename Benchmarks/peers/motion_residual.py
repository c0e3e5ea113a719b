"""The motion of a clip as libx264 finds it, and the residual that is left, for the Python pipeline."""

from fractions import Fraction

import av
import cv2
import numpy as np

BLOCK = 16
X264 = (
    "threads=1:ref=1:bframes=0:partitions=none:me=umh:subme=0:merange=16:no-deblock=1:weightp=0:keyint=infinite:"
    "scenecut=0:8x8dct=0:aq-mode=0:mbtree=0:trellis=0:no-fast-pskip=1:qp=8:rc-lookahead=0:sync-lookahead=0:force-cfr=1"
)


def motion(frames: np.ndarray, fps: float) -> np.ndarray:
    """int16 (T-1, S/16, S/16, 2), quarter-pel, +x right, +y down: the vectors that libx264 chose."""
    count, size = frames.shape[:2]
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width = encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(fps).limit_denominator(1000)
    encoder.time_base = 1 / encoder.framerate
    encoder.options = {"x264-params": X264}
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.options = {"flags2": "+export_mvs"}

    packets: list[av.Packet | None] = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += [*encoder.encode(None), None]
    pictures = [picture for packet in packets for picture in decoder.decode(packet)]
    if len(pictures) != count:
        raise ValueError(f"{len(pictures)} of {count} frames of a coded clip decoded")

    field = np.zeros((count - 1, size // BLOCK, size // BLOCK, 2), np.int16)
    for target, picture in zip(field, pictures[1:], strict=True):
        if vectors := picture.side_data.get("MOTION_VECTORS"):
            rows = vectors.to_ndarray()
            cell = rows["dst_y"] // BLOCK, rows["dst_x"] // BLOCK
            target[*cell, 0], target[*cell, 1] = rows["motion_x"], rows["motion_y"]
    return field


def residual(frames: np.ndarray, field: np.ndarray) -> np.ndarray:
    """int16 (T-1, S, S, 3): each frame less the moved one before it, whose edge goes on for ever."""
    source = np.repeat(np.repeat(field >> 2, BLOCK, axis=1), BLOCK, axis=2)
    line = np.arange(frames.shape[1], dtype=np.int16)
    source[..., 0] += line
    source[..., 1] += line[:, None]
    moved = [
        cv2.remap(frame, places, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        for frame, places in zip(frames[:-1], source, strict=True)
    ]
    return np.subtract(frames[1:], moved, dtype=np.int16)
