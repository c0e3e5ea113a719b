#!/usr/bin/env python3
"""Prints the cuts and the adaptive ratios that PySceneDetect itself finds; fixtures/cuts-of-*.csv are its output.

Needs scenedetect 0.7, opencv-python-headless and av. Of videos (OpenCV decodes) one CSV row per rule of shrinking and
detector: name, rule, measure, shortest shot, frames, ratios, cuts. With --sequences one row per sequence of made-up
content values and detector: values, measure, threshold, shortest shot, ratios, cuts. A frame without a ratio has "-".
Lists are separated by spaces. The content detector filters short shots with its mode "suppress".
"""

import argparse
import random
from pathlib import Path

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


def of_video(path: str, rule: str, measure: str, shortest: int, backend: str = "opencv") -> str:
    """The row of a video. PyAV decodes what OpenCV's FFmpeg does not, as AV1."""
    video, stats = open_video(path, backend=backend), StatsManager()
    manager = SceneManager(stats_manager=stats)
    if rule == "0.6":
        manager.auto_downscale = False
        manager.downscale = max(1, video.frame_size[0] // 256)
    kind = ContentDetector if measure == "content" else AdaptiveDetector
    manager.add_detector(detector(kind, measure, None, shortest))
    frames = manager.detect_scenes(video)
    if not frames and backend == "opencv":
        return of_video(path, rule, measure, shortest, "pyav")
    ratios = {time.frame_num: row.get("adaptive_ratio (w=2)") for time, row in stats._frame_metrics.items()}
    cuts = [start.frame_num for start, _ in manager.get_scene_list()[1:]]
    listed = written([ratios.get(frame) for frame in range(frames)], 5) if measure == "adaptive" else ""
    return f"{Path(path).name},{rule},{measure},{shortest},{frames},{listed},{' '.join(map(str, cuts))}"


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
    parser.add_argument("--sequences", action="store_true", help="made-up content values in place of videos")
    arguments = parser.parse_args()
    for path in arguments.videos:
        for rule in ("0.6", "0.7"):
            print(of_video(path, rule, "adaptive", 15), flush=True)
            print(of_video(path, rule, "content", 15), flush=True)
    if arguments.sequences:
        for values in sequences():
            for shortest in (0, 6, 0.4):
                print(of_sequence(values, "content", 27.0, shortest))
                print(of_sequence(values, "adaptive", 3.0, shortest))
            print(of_sequence(values, "content", 12.5, 0))
            print(of_sequence(values, "adaptive", 1.5, 2))


if __name__ == "__main__":
    main()
