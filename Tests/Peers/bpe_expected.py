#!/usr/bin/env python3
"""Writes what BPETokenizerTests compares with: FOLDER/merges.txt, FOLDER/vocab.json and FOLDER/expected.json.

The merges are learned here, from the text below, and laid out as CLIP's are. The expected numbers are those of
`transformers.CLIPTokenizer`: [text, numbers cut off at 77, numbers cut off or padded to 12]. Needs transformers.
"""

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path

from transformers import CLIPTokenizer

LEARNED_FROM = """
a red ball moves to the left and a blue square moves to the right while the camera stays where it is
two people are walking along the beach at sunset, and the waves are rolling over the sand behind them
the person's hand is pointing at the screen; she isn't looking, they're waving, we've seen it, i'm here, he'll go, i'd
a man plays the guitar in a small room with white walls . a woman is singing in front of the microphone
the horse is jumping over the fence, the rider falls !!! running runner runs ran 10 20 100 1000 2024
über die straße läuft ein großer hund, naïve café déjà vu élève garçon señor mañana
собака бежит по улице и прыгает через забор, кошка сидит на окне
一个红色的球从左边移动到右边 赤いボールが左から右へ動く ボールが止まる
🎬 🎥 🏃🏽‍♀️ 👍👍 ... --- "quoted" (in brackets) #tag @name a/b 50% $5
"""
TEXTS = [
    "", " ", "\n\t\r\n", "a", "A red ball moves to the left", "THE CAMERA STAYS WHERE IT IS.",
    "  two   spaces\tand tabs\n",
    "the person's hand isn't there; they're we've I'm he'll I'd", "THE PERSON'S DON'T WE'RE", "'s 't 're 've 'm 'll 'd",
    "''s 'quoted' rock'n'roll o'clock 's's's", "it’s a typographic apostrophe", "x's2't", "'", "''", "'x", "'r", "'l",
    "2024", "10 200 3000", "3.14, 1e-5, 0x1F", "½ ² ③ Ⅷ ٣ ९", "v2.0-beta", "mp4/h264 (720p@30fps)",
    "!!!", "...?!", "--- *** ###", "a.b,c;d:e", "$5 50% #tag @name a/b \\ | ~ ` ^ _", "under_score _x_ __init__",
    "naïve café", "nai\u0308ve cafe\u0301", "e\u0301\u0323", "ÅNGSTRÖM A\u030angstro\u0308m \u212b", "STRASSE straße ẞ",
    "İstanbul ISTANBUL ı", "ΟΔΟΣ ΣΑΣ οδός", "Ǆ ǅ ǆ ﬁ ﬂ", "собака БЕЖИТ", "一个红色的球", "赤いボールが\u3000左から", "ボール か\u3099",
    "각 \u1100\u1161\u11a8", "हिन्दी में गेंद", "ไทย ลูกบอล", "كرة حمراء ١٢٣", "כדור אדום", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟏𝟐",
    "🎬", "🏃🏽‍♀️ runs 👍👍", "🇩🇪🇫🇷 ❤️ ☃", "a🎬b", "👩‍👩‍👧‍👦's", "zero\u200bwidth\u200djoiner\ufeffmark", "soft\u00adhyphen",
    "non\u00a0breaking\u2003em\u2028line\u0085next", "control\u0000\u0001\u001c\u001f\u007fcharacters", "\ufffd\ufffe",
    "<|startoftext|>", "<|endoftext|>", "the <|endoftext|> ball", "ball<|startoftext|>ball<|endoftext|>\u0301",
    "<|end|>",
    "<|EndOfText|>", "<|endoftext|", "&amp; &lt;b&gt; <b>bold</b>", "https://example.org/a?b=c&d=1", "C:\\clips\\a.mp4",
    "walking " * 100, "a" * 500, "the ball " + "x" * 70, "1" * 100, "!" * 300, "ab" * 200 + " end", "é" * 120, "🎬" * 40,
]  # fmt: skip
ALPHABETS = [
    "abcdefghij ", "thewalkingred  ", "aA1'!. ", "'strevmld' ", "éèüßñçåe\u0301\u0308 ", "собакАЖ ", "球赤いボールがか\u3099 1",
    "🎬👍🏽\u200d♀️ a", "<|>endoftextstar ", "٣९½²a1 ", "\u00a0\u2003\u3000\tab", "हिन्दीกำ가\u1100\u1161 ",
]  # fmt: skip


def byte_symbols() -> dict[int, str]:
    """How the files write bytes, in the order of their numbers: printable ones as themselves, others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}


def learned(text: str, count: int) -> list[tuple[str, str]]:
    """The most frequent pair of neighbours, again and again."""
    symbols = byte_symbols()
    words = Counter()
    for word in text.split():
        letters = [symbols[byte] for byte in word.encode()]
        words[(*letters[:-1], letters[-1] + "</w>")] += 1
    merges = []
    while len(merges) < count:
        pairs = Counter()
        for word, times in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += times
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        merged = Counter()
        for word, times in words.items():
            joined, index = [], 0
            while index < len(word):
                step = 2 if word[index : index + 2] == best else 1
                joined.append("".join(word[index : index + step]))
                index += step
            merged[tuple(joined)] += times
        words = merged
    return merges


def texts() -> list[str]:
    """Those above, and some of random letters."""
    rng = random.Random(1)
    return TEXTS + ["".join(rng.choices(rng.choice(ALPHABETS), k=rng.randrange(2, 40))) for _ in range(150)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args().folder
    merges = learned(LEARNED_FROM, 400)
    symbols = list(byte_symbols().values())
    tokens = symbols + [symbol + "</w>" for symbol in symbols] + ["".join(pair) for pair in merges]
    vocabulary = {token: number for number, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "vocab.json").write_text(json.dumps(vocabulary, separators=(",", ":")) + "\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder)

    def numbers(text: str, length: int, **options: str) -> list[int]:
        return tokenizer(text, truncation=True, max_length=length, **options)["input_ids"]

    rows = [[text, numbers(text, 77), numbers(text, 12, padding="max_length")] for text in texts()]
    text = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (folder / "expected.json").write_text(f"[{text}]\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
