"""The page at the end of a demonstration."""

import json
import os
import platform
import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path

from stages import Done, clock

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --card: #f5f7f9; --ink: #1a1f25; --soft: #59636e; --line: #d6dce2;
  --link: #1f5fa8; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161a; --card: #1b2127; --ink: #e5e9ed; --soft: #9aa6b2;
  --line: #343d46; --link: #86b9f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 0 20px 40px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 30px; line-height: 1.2; margin: 32px 0 12px; }
h2 { font-size: 21px; margin: 32px 0 8px; }
h3 { font-size: 16px; margin: 0 0 10px; }
p { margin: 0 0 12px; max-width: 80ch; }
a { color: var(--link); }
.soft, figcaption, thead th { color: var(--soft); font-size: 13px; }
.card { padding: 14px 16px; margin: 0 0 16px; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px; max-width: 540px; }
.views { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 12px;
  margin-top: 12px; }
figure { margin: 0; }
video { display: block; width: 100%; height: auto; border-radius: 4px; background: #000; }
.pair video { image-rendering: pixelated; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line); text-align: start; vertical-align: baseline; }
td.number, th.number { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: 0; white-space: pre-wrap; }
"""

HEAD = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>PFrame: the demo</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<h1>From videos to samples</h1>"""
UNSEEN = """<p>Left is the real clip. Right is the sample that ED-VDM (Efficient Decoupled Video Diffusion Model) made
from the first frame and the caption, if there is one. The model saw none of these clips in training. Below are the
motion vectors and the residual of the real clip, as the data set stores them, and of the sample, as the model
generated them; all panels have the same scale of greys. Vectors and residual determine the video: <code>pframe reconstruct</code> rebuilt the sample byte for
byte.</p>"""
SEEN = """<p>Left is the real clip. Right is the sample that ED-VDM made from the first frame. There were too few clips
to set some aside: the model saw these clips in training.</p>"""
COMPARED = """<h2>How near samples come</h2>
<p>Samples compared with the real clips. Arrows point to better values: ↑ higher, ↓ lower. A sample can be good without equalling the real clip. Training this short shows
that every step works, not how good the model can become.</p>"""
CODED = """<h2>How near residuals come in 16 numbers per block</h2>
<p>The closed loop predicts each frame from the rebuilt previous frame. No model trained on the latents
can do better than the autoencoder here.</p>"""
EXTRACTED = """<h2>A video taken apart</h2>
<p>The encoder's own motion vectors of one video, as libavcodec exports them, and the residual. The video that is
rebuilt from vectors and residual equals FFmpeg's decoding byte for byte.</p>"""
PAGES = """<h2>More pages</h2>
<ul>
<li><a href="kept/report.html">The data set</a>: clips, scores, captions, duplicates, clips that the filter dropped</li>
<li><a href="vae/report.html">Training of the autoencoder</a></li>
<li><a href="run/report.html">Training of ED-VDM</a>: loss, learning rate, speed, samples during training</li>
</ul>"""

# What the columns of the two tables are called, with the number of decimals, where a row has them. Arrows point to the
# better values.
EVALUATION = {"psnr": ("PSNR (dB) ↑", 2), "ssim": ("SSIM ↑", 3), "psnr_last": ("PSNR of the last frame ↑", 2),
              "epe": ("motion error (px) ↓", 2), "motion_frechet": ("Fréchet distance of motion ↓", 0)}
CODING = {"psnr": ("PSNR (dB) ↑", 2), "ssim": ("SSIM ↑", 3)}
# Rows of the reconstruction table, of which 16 numbers per block of 16×16 pixels are kept.
CODERS = {"copy-first": "the first frame, kept", "motion": "motion alone", "dct": "16 DCT coefficients",
          "pca": "16 principal components", "vae": "the autoencoder"}


def write_page(folder: Path, keys: Sequence[str], done: Sequence[Done], own: bool) -> Path:
    """Writes `index.html` into a demonstration's folder; every link is relative, so the folder can move."""
    closed = [row for row in rows(folder / "coding.json") if row.get("loop", "closed") == "closed"]
    parts = [
        HEAD, introduction(folder, own), "<h2>Samples</h2>", UNSEEN if held_out(folder) else SEEN,
        *(sample(folder, key) for key in keys), *extraction(folder), COMPARED,
        table(rows(folder / "evaluation.json"), EVALUATION, {"copy-first": "the first frame, kept"}), CODED,
        table(closed, CODING, CODERS), PAGES, "<h2>The commands</h2>",
        "<p>The commands ran in the folder of this page.</p>", commands(done), "<h2>Files</h2>", files(folder),
        "</body>", "</html>", ""]
    page = folder / "index.html"
    partial = page.with_name("index.html.tmp")
    partial.write_text("\n".join(parts), encoding="utf-8")
    partial.replace(page)
    return page


def introduction(folder: Path, own: bool) -> str:
    clips = samples(folder / "data")
    what = "Your videos" if own else "Synthetic videos of moving shapes"
    return (f"<p>{what} gave {clips} clips; {samples(folder / 'kept')} clips move and are no duplicates. These clips "
            "trained a residual autoencoder and ED-VDM, a diffusion model of motion vectors and residual latents, for "
            f"{counted(folder / 'run')} steps.</p>"
            f'<p class="soft">{escape(platform.machine())}, {os.cpu_count()} processors</p>')


def shards_of(dataset: Path) -> list[dict]:
    """What `dataset.json` says of the shards: name, samples, bytes and hashes."""
    return json.loads((dataset / "dataset.json").read_text())["shards"]


def samples(dataset: Path) -> int:
    return sum(shard["samples"] for shard in shards_of(dataset))


def held_out(folder: Path) -> bool:
    """Whether no clip that samples are compared with was trained on."""
    kept, held = (
        {shard["name"] for shard in shards_of(folder / name) if shard["samples"]} for name in ("kept", "held-out"))
    return not kept & held


def counted(run: Path) -> str:
    return f"{sum(1 for _ in (run / 'metrics.jsonl').open()):,}"


def sample(folder: Path, key: str) -> str:
    row = next(row for row in map(json.loads, (folder / "samples" / "samples.jsonl").open()) if row["name"] == key)
    prompt = row["prompt"] or "(no caption)"
    clip, film = "autoplay loop muted playsinline", "autoplay loop muted playsinline controls"
    poster = f'poster="samples/{escape(key)}.first.png"'
    return "\n".join([
        '<section class="card">', f"<h3>{escape(prompt)}</h3>", '<div class="pair">',
        figure(f"views/{key}.real.mp4", "real", f"{clip} {poster}", f"the real clip: {prompt}"),
        figure(f"samples/{key}.mp4", "generated", f"{clip} {poster}", f"the generated clip: {prompt}"), "</div>",
        '<div class="views">',
        figure(f"views/{key}.truth.mp4", "motion and residual of the real clip", film, "motion and residual, real"),
        figure(f"views/{key}.mp4", "motion and residual that the model gave", film, "motion and residual, generated"),
        "</div>", "</section>"])


def figure(source: str, caption: str, attributes: str, label: str) -> str:
    return (f'<figure><video src="{escape(source)}" aria-label="{escape(label)}" {attributes}></video>'
            f"<figcaption>{escape(caption)}</figcaption></figure>")


def extraction(folder: Path) -> list[str]:
    """The section on the video that was taken apart; none where no video had vectors."""
    if not (folder / "extracted" / "film.mp4").exists():
        return []
    return [EXTRACTED, '<section class="card">',
            figure("extracted/film.mp4", "vectors, residual and motion magnitude",
                   "autoplay loop muted playsinline controls", "motion vectors and residual of a video"), "</section>"]


def rows(path: Path) -> list[dict]:
    return json.loads(path.read_text())["rows"]


def table(rows: Sequence[dict], columns: dict[str, tuple[str, int]], names: dict[str, str]) -> str:
    """A table of those columns that any row has."""
    there = {key: column for key, column in columns.items() if any(row.get(key) is not None for row in rows)}
    head = "".join(f'<th class="number">{escape(title)}</th>' for title, _ in there.values())
    lines = []
    for row in rows:
        cells = "".join(f'<td class="number">{"–" if row.get(key) is None else f"{row[key]:.{decimals}f}"}</td>'
                        for key, (_, decimals) in there.items())
        lines.append(f"<tr><th>{escape(names.get(row['name'], row['name']))}</th>{cells}</tr>")
    return scrolled(f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody>")


def scrolled(rows: str) -> str:
    """A table that scrolls by itself where the window is narrower."""
    return f'<div class="scroll"><table>{rows}</table></div>'


def commands(done: Sequence[Done]) -> str:
    lines = []
    for stage in done:
        # The stage that draws has four commands a sample, all alike.
        listed = stage.commands[:4]
        text = "\n".join("pframe " + shlex.join(command) for command in listed)
        more = len(stage.commands) - len(listed)
        text += f"\n… and {more} alike" if more > 0 else ""
        lines.append(f"<tr><th>{escape(stage.title)}</th><td><pre>{escape(text)}</pre></td>"
                     f'<td class="number">{stage.seconds:.0f} s</td></tr>')
    total = sum(stage.seconds for stage in done)
    lines.append(f'<tr><th>In all</th><td></td><td class="number">{clock(total)}</td></tr>')
    return scrolled("<tbody>" + "".join(lines) + "</tbody>")


def files(folder: Path) -> str:
    places = [
        ("videos/", "the videos, and captions.csv"),
        ("extracted/", "one video as motion.npy, residual.mkv, frames.csv, stream.json"),
        ("data/", "every clip: frames, motion, residual, scores, in WebDataset shards"),
        ("kept/", "the clips that trained; dropped.jsonl says which were dropped, and why"),
        ("held-out/", "the clips that samples are compared with"),
        ("vae/, run/", "the two models: checkpoint, configuration, metrics, report"),
        ("latents/", "motion and residual latents of the kept clips"),
        ("samples/", "of each sample the video, first frame, motion.npy, residual.npy"),
        ("views/", "the films on this page"), ("evaluation.json, coding.json", "the two tables, in full")]
    there = [(place, what) for place, what in places if (folder / place.split(",")[0]).exists()]
    lines = (f"<tr><th><code>{escape(place)}</code></th><td>{escape(what)}</td></tr>" for place, what in there)
    return scrolled("<tbody>" + "".join(lines) + "</tbody>")
