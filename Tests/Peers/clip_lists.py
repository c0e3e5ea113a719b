"""Lists of clips by time as public data sets have them, written by Python, and what they say, for SpanListTests.

    python3 clip_lists.py FOLDER

FOLDER/panda.csv is written as pandas writes lists (str() of a list), clips.jsonl as video2dataset takes them, plain.csv
and plain.tsv with one clip per row. FOLDER/expected.jsonl has one line per clip, from the values themselves.
"""

import csv
import json
import random
import sys

folder = sys.argv[1]
random.seed(5)
letters = "abc ,;'\"\\\n\t[](){}:äß—日本𝄞\u200b\x07"


def text():
    return "x" + "".join(random.choice(letters) for _ in range(random.randint(0, 12)))


def timecode(milliseconds):
    """A time in one of the ways in which lists write it."""
    seconds = milliseconds / 1000
    minutes, rest = divmod(milliseconds, 60000)
    hours, minutes_left = divmod(minutes, 60)
    tail = f"{rest // 1000:02d}.{rest % 1000:03d}"
    ways = [f"{hours}:{minutes_left:02d}:{tail}", f"{hours:02d}:{minutes_left:02d}:{tail}", f"{seconds:.3f}"]
    if rest % 1000 == 0:
        ways.append(f"{minutes}:{rest // 1000:02d}")
    return random.choice(ways + [f"{minutes:02d}:{tail}"])


videos = []
for number in range(60):
    times = set()
    while len(times) < random.choice([2, 4, 8]):
        times.add(random.choice([random.randrange(60000), random.randrange(20000000), 1000 * random.randrange(9000)]))
    times = sorted(times)
    clips = list(zip(times[::2], times[1::2]))
    scores = [round(random.random(), 4) for _ in clips]
    videos.append((f"v{number}", clips, [text() for _ in clips], scores))

with open(f"{folder}/expected.jsonl", "w") as out:
    for name, clips, captions, scores in videos:
        for (start, end), caption, score in zip(clips, captions, scores):
            out.write(json.dumps([f"{name}.mp4", start / 1000, end / 1000, caption, score]) + "\n")

with open(f"{folder}/panda.csv", "w", newline="") as out:
    rows = csv.writer(out)
    rows.writerow(["videoID", "url", "timestamp", "caption", "matching_score"])
    for name, clips, captions, scores in videos:
        pairs = [[timecode(start), timecode(end)] for start, end in clips]
        rows.writerow([name, f"https://host/{name}", str(pairs), str(captions), str(scores)])

with open(f"{folder}/clips.jsonl", "w") as out:
    for name, clips, captions, scores in videos:
        pairs = [
            [start / 1000, end / 1000] if random.random() < 0.5 else [timecode(start), timecode(end)]
            for start, end in clips
        ]
        out.write(json.dumps({"video": f"{name}.mp4", "clips": pairs, "caption": captions}) + "\n")

for suffix, dialect in [("csv", "excel"), ("tsv", "excel-tab")]:
    with open(f"{folder}/plain.{suffix}", "w", newline="") as out:
        rows = csv.writer(out, dialect)
        rows.writerow(["video", "start", "end", "caption", "matching_score"])
        for name, clips, captions, scores in videos:
            for (start, end), caption, score in zip(clips, captions, scores):
                rows.writerow([f"{name}.mp4", timecode(start), timecode(end), caption, score])
