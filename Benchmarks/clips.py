"""The videos that are measured: a 720p clip and what ffmpeg makes of it, each made once and kept in a work folder."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import capture

REAL_CLIP = "mvx_vid_h264.mp4"
SMALL_CLIP = "mma_demo.mp4"
# A zooming fractal below a moving test picture: smooth motion, sharp edges, new content in every frame.
GENERATED = (
    "mandelbrot=size=1280x720:rate=25:end_scale=0.02:end_pts=400[a];testsrc2=size=426x240:rate=25[b];"
    "[a][b]overlay=x='mod(7*n,854)':y='mod(3*n,480)':shortest=1"
)
ONE_REFERENCE = "ref=1:bframes=0:weightp=0"
FOUR_REFERENCES = "ref=4:bframes=3:b-adapt=1:weightp=0"


@dataclass(frozen=True)
class Clips:
    """Makes clips below `folder`; `quick` cuts them short."""

    folder: Path
    source_folder: Path
    quick: bool

    @property
    def is_real(self) -> bool:
        return (self.source_folder / REAL_CLIP).is_file()

    @property
    def description(self) -> str:
        """What the clips that are measured are made of."""
        return f"H.264, 1280x720, 25 frames/s: {REAL_CLIP if self.is_real else 'generated'}"

    def small(self) -> Path | None:
        """A small clip with B-frames, None where the folder of clips lacks it."""
        path = self.source_folder / SMALL_CLIP
        return path if path.is_file() else None

    def one_reference(self) -> Path:
        """720p H.264, one reference, no B-frames."""
        if self.is_real:
            return self.source_folder / REAL_CLIP
        graph = ["-filter_complex", GENERATED, "-t", "4" if self.quick else "13.5", "-pix_fmt", "yuv420p"]
        return self._make("generated", None, [*graph, *x264(ONE_REFERENCE)])

    def four_references(self) -> Path:
        """The same pictures coded anew with B-frames and four references."""
        short = ["-frames:v", "100"] if self.quick else []
        return self._make("four-references", self.one_reference(), ["-map", "0:v:0", *x264(FOUR_REFERENCES), *short])

    def full_hd(self) -> Path:
        """The same pictures at 1080p with B-frames and four references, at about 11 Mbit/s."""
        scale = ["-map", "0:v:0", "-vf", "scale=1920:1080:flags=lanczos", "-frames:v", "50" if self.quick else "300"]
        rate = ["-c:v", "libx264", "-preset", "medium", "-x264-params", FOUR_REFERENCES, "-b:v", "11M"]
        return self._make("full-hd", self.one_reference(), [*scale, *rate])

    def looped(self, clip: Path, seconds: float) -> Path:
        """A clip repeated, packets copied, until it lasts so long; the clip itself where it does, or where all is
        quick."""
        if self.quick:
            return clip
        length = duration(clip)
        if length >= seconds:
            return clip
        repeats = ["-stream_loop", str(int(seconds / length))]
        return self._make(f"looped-{seconds:g}", clip, ["-map", "0:v:0", "-c", "copy", "-t", f"{seconds:g}"], repeats)

    def copies(self, clip: Path, count: int) -> list[Path]:
        """The same clip under several names; hard links where the file system has them."""
        folder = self.folder / f"copies-of-{clip.stem}"
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"video-{index}.mp4" for index in range(count)]
        for path in paths:
            if path.is_file() and path.stat().st_size == clip.stat().st_size:
                continue
            path.unlink(missing_ok=True)
            try:
                os.link(clip, path)
            except OSError:
                shutil.copyfile(clip, path)
        return paths

    def _make(self, name: str, source: Path | None, options: Sequence[str], input_options: Sequence[str] = ()) -> Path:
        inputs = [*input_options, "-i", str(source)] if source else []
        identity = [*inputs, *options, str(source.stat().st_size if source else 0)]
        digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:8]
        path = self.folder / f"{name}-{digest}.mp4"
        if not path.is_file():
            part = path.with_suffix(".part.mp4")
            capture(["ffmpeg", "-v", "error", "-nostdin", "-y", *inputs, *options, str(part)])
            part.rename(path)
        return path


def x264(parameters: str) -> list[str]:
    """ffmpeg options for the encoder at the settings of every comparison."""
    return ["-c:v", "libx264", "-preset", "medium", "-x264-params", parameters, "-crf", "23"]


def duration(clip: Path) -> float:
    """Seconds of the first video stream, as the container says."""
    entries = ["-select_streams", "v:0", "-show_entries", "stream=duration", "-of", "csv=p=0"]
    return float(capture(["ffprobe", "-v", "error", *entries, str(clip)]).strip())
