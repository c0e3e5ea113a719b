#!/usr/bin/env python3
"""The peer of `pframe build`: PyAV, OpenCV, numpy and webdataset make clips of motion and residual of videos.

Every video is decoded, cut where the content value reaches 27, and sampled at --fps by its times (nearest frame) into
clips of --frames, cropped to the centre square and shrunk with INTER_AREA. A clip is coded anew by libx264 with
16x16 blocks in whole pixels; the vectors of that stream and the residual against the frame before are written beside
the frames, a tar file a worker. A block without a vector is predicted from the same place.

Written to be fast as far as Python goes: nothing loops over pixels or blocks, the crop comes before the shrinking,
colours are converted by the cheapest call, the content value is one call a frame. Prints one line of JSON.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import webdataset

from motion_residual import BLOCK, motion, residual

CUT = 27
STAGES = ("decode", "score", "resize", "motion", "residual", "write")


@dataclass
class Tally:
    """What was done, and the seconds that each stage took."""

    frames: int = 0
    clips: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start

    def add(self, other: "Tally") -> None:
        self.frames += other.frames
        self.clips += other.clips
        self.failed += other.failed
        self.seconds += other.seconds


@dataclass(frozen=True)
class Moment:
    """A decoded frame: seconds, the picture, and how much it differs from the one before."""

    time: float
    picture: av.VideoFrame | np.ndarray
    content: float


@dataclass(frozen=True)
class Clip:
    """Frames uint8 (T, S, S, 3) in RGB, the time of the first, and the mean content value of the span."""

    frames: np.ndarray
    start: float
    content: float


class Sampler:
    """Takes the frames of one shot after another and gives back full clips of the nearest ones."""

    def __init__(self, options: argparse.Namespace, tally: Tally) -> None:
        self.options = options
        self.tally = tally
        self.begin()

    def begin(self) -> None:
        """Starts a shot; what is left of the one before is too short for a clip."""
        self.previous: Moment | None = None
        self.origin = 0.0
        self.taken = 0
        self.step = 0.0
        self.frames: list[np.ndarray] = []
        self.first = 0.0
        self.contents: list[float] = []

    def add(self, moment: Moment) -> Iterator[Clip]:
        if self.previous is None:
            self.origin = moment.time
        else:
            self.step = moment.time - self.previous.time
            yield from self._take(self.previous, self.previous.time + self.step / 2)
            self.contents.append(moment.content)
        self.previous = moment

    def end(self) -> Iterator[Clip]:
        """Ends a shot and starts the next."""
        if self.previous:
            yield from self._take(self.previous, self.previous.time + self.step / 2)
        self.begin()

    def _take(self, moment: Moment, until: float) -> Iterator[Clip]:
        while (self.origin + self.taken / self.options.fps) <= until:
            self.taken += 1
            if not self.frames:
                self.first = moment.time
                self.contents = []
            self.frames.append(self._shrink(moment.picture))
            if len(self.frames) == self.options.frames:
                content = float(np.mean(self.contents)) if self.contents else 0.0
                yield Clip(np.stack(self.frames), self.first, content)
                self.frames = []

    def _shrink(self, picture: av.VideoFrame | np.ndarray) -> np.ndarray:
        with self.tally.stage("resize"):
            if isinstance(picture, av.VideoFrame):
                picture = picture.to_ndarray(format="bgr24")
            height, width = picture.shape[:2]
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            square = picture[top : top + side, left : left + side]
            small = cv2.resize(square, (self.options.size, self.options.size), interpolation=cv2.INTER_AREA)
            return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)


class ContentValue:
    """PySceneDetect's content value of 0.6.2: the mean absolute difference of hue, saturation and value."""

    def __init__(self) -> None:
        self.previous: np.ndarray | None = None

    def next(self, picture: np.ndarray) -> float:
        height, width = picture.shape[:2]
        factor = max(width // 256, 1)
        small = cv2.resize(picture, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_LINEAR)
        current = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
        previous, self.previous = self.previous, current
        return 0.0 if previous is None else cv2.norm(current, previous, cv2.NORM_L1) / current.size


def decoded(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """The frames of a stream; damaged packets are passed over."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            continue


def clips(video: str, options: argparse.Namespace, tally: Tally) -> Iterator[Clip]:
    """The clips of a video; none where it is only decoded."""
    sampler, score = Sampler(options, tally), ContentValue()
    with av.open(video) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = options.threads
        pictures = decoded(container, stream)
        for index in range(sys.maxsize):
            with tally.stage("decode"):
                frame = next(pictures, None)
            if frame is None:
                break
            tally.frames += 1
            if options.decode_only:
                continue
            picture, content = frame, 0.0
            if not options.no_scores:
                with tally.stage("score"):
                    picture = frame.to_ndarray(format="bgr24")
                    content = score.next(picture)
            if content >= CUT:
                yield from sampler.end()
            moment = frame.time if frame.time is not None else index / float(stream.average_rate)
            yield from sampler.add(Moment(moment, picture, content))
        yield from sampler.end()


def sample(key: str, video: str, clip: Clip, options: argparse.Namespace, tally: Tally) -> dict[str, object]:
    with tally.stage("motion"):
        field = motion(clip.frames, options.fps)
    with tally.stage("residual"):
        rest = residual(clip.frames, field)
    with tally.stage("write"):
        text = Path(video).with_suffix(".txt")
        caption = text.read_text(encoding="utf-8").strip() if text.is_file() else ""
        facts = {"key": key, "motion_content": clip.content, "source": os.path.basename(video), "start": clip.start}
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(clip.frames[0], cv2.COLOR_RGB2BGR))[1].tobytes()
        arrays = {"frames": clip.frames, "first": clip.frames[0], "mv": field, "residual": rest}
        members = {f"{name}.npy": array for name, array in arrays.items()}
        return {"__key__": key, **members, "jpg": jpeg, "txt": caption, "json": facts}


next_video = multiprocessing.Value("i", 0)


def build_shard(shard: int, options: argparse.Namespace) -> Tally:
    """Takes videos until none is left, and writes their clips into one tar file."""
    cv2.setNumThreads(1 if options.workers > 1 else options.threads or cv2.getNumThreads())
    tally = Tally()
    path = os.devnull if options.decode_only else options.pattern % shard
    with webdataset.TarWriter(path, mtime=0) as writer:
        while True:
            with next_video.get_lock():
                index = next_video.value
                next_video.value += 1
            if index >= len(options.videos):
                return tally
            video = options.videos[index]
            try:
                for clip in clips(video, options, tally):
                    made = sample(f"{shard:06d}_{tally.clips:07d}", video, clip, options, tally)
                    with tally.stage("write"):
                        writer.write(made)
                    tally.clips += 1
            except (av.FFmpegError, IndexError, ValueError) as error:
                tally.failed.append(f"{video}: {error}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", help="folder, or a name with a %%d for the worker, such as clips-%%06d.tar")
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    parser.add_argument("--fps", type=float, default=8.0)
    parser.add_argument("--frames", type=int, default=16, help="frames of a clip (%(default)s)")
    parser.add_argument("--size", type=int, default=128, help="side of a clip, a multiple of 16 (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="of decoder and OpenCV; 0: as they choose (default)")
    parser.add_argument("--workers", type=int, default=1, help="processes, each with a tar file of its own")
    parser.add_argument("--no-scores", action="store_true", help="no content values, so no cuts")
    parser.add_argument("--decode-only", action="store_true", help="decode every frame, drop it and write nothing")
    parser.add_argument("--timings", action="store_true", help="also the seconds of each stage, all workers together")
    options = parser.parse_args()
    if options.size < BLOCK or options.size % BLOCK or options.frames < 2 or options.fps <= 0 or options.workers < 1:
        parser.error("--size takes a multiple of 16, --frames 2 or more, --fps more than 0, --workers 1 or more")
    options.pattern = options.output if "%" in options.output else os.path.join(options.output, "clips-%06d.tar")
    return options


def main() -> int:
    options = parse()
    if not options.decode_only:
        Path(options.pattern % 0).parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    total = Tally()
    if options.workers == 1:
        total = build_shard(0, options)
    else:
        with multiprocessing.Pool(options.workers) as pool:
            jobs = [(shard, options) for shard in range(options.workers)]
            for tally in pool.starmap(build_shard, jobs, chunksize=1):
                total.add(tally)
            pool.close()
            pool.join()
    wall = time.perf_counter() - start
    result = {"videos": len(options.videos), "frames": total.frames, "clips": total.clips, "seconds": wall}
    result |= {"frames_per_second": total.frames / wall, "clips_per_second": total.clips / wall}
    if options.timings:
        result["stages"] = {name: total.seconds[name] for name in STAGES}
    print(json.dumps(result))
    for reason in total.failed:
        print(reason, file=sys.stderr)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
