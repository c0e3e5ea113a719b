#!/usr/bin/env python3
"""Prints the cuts and the adaptive ratios that PySceneDetect itself finds; fixtures/cuts-of-*.csv are its output.

Needs scenedetect 0.7, opencv-python-headless and av. Of videos one CSV row per rule of shrinking and
detector: name, rule, measure, shortest shot, frames, ratios, cuts. With --sequences one row per sequence of made-up
content values and detector: values, measure, threshold, shortest shot, ratios, cuts. A frame without a ratio has "-".
OpenCV decodes; with --one-thread it is PyAV, for AV1, which OpenCV's wheel does not decode, and for damaged videos, which
several threads conceal otherwise. Lists are separated by spaces. The content detector filters short shots with its mode "suppress".
"""

import argparse
import random
from pathlib import Path

import content_value
import cv2
from scenedetect import AdaptiveDetector, ContentDetector, FrameTimecode, SceneManager, StatsManager, open_video
from scenedetect.detector import FlashFilter

SUPPRESS = FlashFilter.Mode.SUPPRESS


def detector(kind: type, measure: str, threshold: float | None, shortest: int | float):
    """PySceneDetect's detector, of a class that is or derives from its own."""
    options = {"min_scene_len": shortest}
    if measure == "content":
        return kind(**options, filter_mode=SUPPRESS, **({} if threshold is None else {"threshold": threshold}))
    return kind(**options, **({} if threshold is None else {"adaptive_threshold": threshold}))


def written(ratios: list[float | None], decimals: int) -> str:
    return " ".join("-" if ratio is None else f"{ratio:.{decimals}f}" for ratio in ratios)


def noting(base: type) -> type:
    """The detector with a note of ratios and cuts by the places of the frames: 0.7 numbers frames by their times."""

    class Noting(base):
        def process_frame(self, timecode, frame_img):
            if not hasattr(self, "times"):
                self.times, self.ratios, self.cuts = [], [], []
            self.times.append(timecode)
            self.ratios.append(None)
            cuts = super().process_frame(timecode, frame_img)
            self.cuts += [max(place for place, time in enumerate(self.times) if time == cut) for cut in cuts]
            if base is AdaptiveDetector and len(self.times) > 2 * self.window_width:
                place = len(self.times) - 1 - self.window_width
                metrics = self.stats_manager.get_metrics(self.times[place], [self._adaptive_ratio_key])
                self.ratios[place] = metrics[0]
            return cuts

    return Noting


def of_video(path: str, rule: str, measure: str, shortest: int, one_thread: bool) -> str:
    """The row of a video."""
    base = ContentDetector if measure == "content" else AdaptiveDetector
    judge = detector(noting(base), measure, None, shortest)
    judge.stats_manager = stats = StatsManager()
    if one_thread:
        stats.register_metrics(judge.get_metrics())
        for frame, picture in enumerate(content_value.pictures(path)):
            height, width = content_value.shrunk_size(*picture.shape[:2], rule)
            shrunk = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
            judge.process_frame(FrameTimecode(frame, 25.0), shrunk)
    else:
        video, manager = open_video(path), SceneManager(stats_manager=stats)
        if rule == "0.6":
            manager.auto_downscale = False
            manager.downscale = max(1, video.frame_size[0] // 256)
        manager.add_detector(judge)
        manager.detect_scenes(video)
    listed = written(judge.ratios, 5) if measure == "adaptive" else ""
    cuts = " ".join(map(str, judge.cuts))
    return f"{Path(path).name},{rule},{measure},{shortest},{len(judge.times)},{listed},{cuts}"


def sequences() -> list[list[float]]:
    """Content values as of stills, pans, flashes and noise, cuts among them; the first is 0."""
    source = random.Random(7)
    drawn = lambda low, high, count: [round(source.uniform(low, high), 3) for _ in range(count)]
    still, pan = [0.0] * 12, drawn(24, 40, 12)
    lists = [
        still + [80.0] + still, still + [14.9] + still + [15.0] + still, pan + [130.0] + pan + [60.0] + pan,
        [0.0, 90.0, 0.0, 0.0] + still, still + [90.0, 0.0], drawn(0, 9, 10) + [90.0, 90.0, 3.0, 90.0] + drawn(0, 9, 9),
        [90.0 if index % 7 == 3 else value for index, value in enumerate(drawn(1, 6, 60))],
        [60.0 if index % 4 == 0 else value for index, value in enumerate(drawn(1, 6, 60))], [0.0, 50.0, 1.0], [0.0],
    ]
    lists += [[value * value / 100 for value in drawn(0, 150, 80)] for _ in range(4)]
    return [[0.0] + values[1:] for values in lists]


def of_sequence(values: list[float], measure: str, threshold: float, shortest: int | float) -> str:
    """The row of a sequence at 25 frames per second."""
    base = ContentDetector if measure == "content" else AdaptiveDetector
    fed = iter(values)
    kind = type("Fed", (base,), {"_calculate_frame_score": lambda self, timecode, frame_img: next(fed)})
    judge = detector(kind, measure, threshold, shortest)
    judge.stats_manager = stats = StatsManager()
    if measure == "adaptive":
        stats.register_metrics(judge.get_metrics())
    cuts = []
    for frame in range(len(values)):
        cuts += [cut.frame_num for cut in judge.process_frame(FrameTimecode(frame, 25.0), None)]
    ratios = {time.frame_num: row.get("adaptive_ratio (w=2)") for time, row in stats._frame_metrics.items()}
    listed = written([ratios.get(frame) for frame in range(len(values))], 6) if measure == "adaptive" else ""
    length = f"{shortest}s" if isinstance(shortest, float) else shortest
    return f"{' '.join(map(str, values))},{measure},{threshold},{length},{listed},{' '.join(map(str, cuts))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", metavar="VIDEO")
    parser.add_argument("--one-thread", action="store_true", help="PyAV decodes, on one thread")
    parser.add_argument("--sequences", action="store_true", help="made-up content values in place of videos")
    arguments = parser.parse_args()
    for path in arguments.videos:
        for rule in ("0.6", "0.7"):
            for measure in ("adaptive", "content"):
                print(of_video(path, rule, measure, 15, arguments.one_thread), flush=True)
    if arguments.sequences:
        for values in sequences():
            for shortest in (0, 6, 0.4):
                print(of_sequence(values, "content", 27.0, shortest))
                print(of_sequence(values, "adaptive", 3.0, shortest))
            print(of_sequence(values, "content", 12.5, 0))
            print(of_sequence(values, "adaptive", 1.5, 2))


if __name__ == "__main__":
    main()
