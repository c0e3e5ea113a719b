#!/usr/bin/env python3
"""Writes Sources/Bitstream/Bits/StandardTables.swift from the number tables of ITU-T H.264, one CSV a table.

Columns are named as in the standard. A code table becomes a lookup by the number of leading zeros (at most 15) and the
three bits behind the first one: no code of the standard needs more, which the script checks.
"""

import argparse
import csv
import textwrap
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
# Contexts of frame and field coded 4:2:0 with 8 bits; those above serve 4:4:4.
CONTEXTS = 460


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with open(folder / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def lookup(codes: dict[str, int]) -> list[int]:
    """128 entries of length * 256 + value by leading zeros * 8 + three bits; 0 where no code is."""
    table = [0] * 128
    for code, value in codes.items():
        zeros = len(code) - len(code.lstrip("0"))
        behind = code[zeros + 1 :]
        if zeros == len(code):
            # A code of zeros alone: every continuation but those of longer codes.
            for more in range(zeros, 16):
                for bits in range(8):
                    assert table[more * 8 + bits] == 0, code
                    table[more * 8 + bits] = len(code) * 256 + value
            continue
        assert zeros < 16 and len(behind) <= 3, code
        for bits in range(8):
            if f"{bits:03b}".startswith(behind):
                assert table[zeros * 8 + bits] == 0, code
                table[zeros * 8 + bits] = len(code) * 256 + value
    return table


def code_tables(folder: Path) -> dict[str, tuple[str, list[int]]]:
    tokens = {}
    for row in rows(folder, "coeff_token"):
        value = int(row["TotalCoeff"]) * 4 + int(row["TrailingOnes"])
        tokens.setdefault(row["nC"], {})[row["code"]] = value
    classes = ["0<=nC<2", "2<=nC<4", "4<=nC<8", "nC=-1"]
    coefficient_tokens = [number for name in classes for number in lookup(tokens[name])]
    zeros = {}
    for row in rows(folder, "total_zeros"):
        place = (row["block"], int(row["tzVlcIndex"]))
        zeros.setdefault(place, {})[row["code"]] = int(row["total_zeros"])
    luma = [number for index in range(1, 16) for number in lookup(zeros["4x4", index])]
    chroma = [number for index in range(1, 4) for number in lookup(zeros["chromaDC420", index])]
    runs = {}
    for row in rows(folder, "run_before"):
        runs.setdefault(row["zerosLeft"], {})[row["code"]] = int(row["run_before"])
    run_before = [number for left in ["1", "2", "3", "4", "5", "6", ">6"] for number in lookup(runs[left])]
    shape = "by leading zeros · 8 + the three bits behind the first one: length · 256 + "
    return {
        "coefficientTokens": (f"Table 9-5: 0 ≤ nC < 2, 2 ≤ nC < 4, 4 ≤ nC < 8, nC = −1; {shape}TotalCoeff · 4 + "
                              "TrailingOnes.", coefficient_tokens),
        "totalZeros": (f"Tables 9-7 and 9-8 by TotalCoeff 1…15; {shape}total_zeros.", luma),
        "chromaTotalZeros": (f"Table 9-9 (a) by TotalCoeff 1…3; {shape}total_zeros.", chroma),
        "runsBefore": (f"Table 9-10 by zerosLeft 1…6 and above; {shape}run_before.", run_before),
    }


def columns(folder: Path, name: str, names: list[str]) -> list[int]:
    return [int(row[column]) for column in names for row in rows(folder, name) if row[column] != ""]


def tables(folder: Path) -> dict[str, tuple[str, list[int]]]:
    kinds = ["I", "idc0", "idc1", "idc2"]
    contexts = columns(folder, "cabac_contexts", [f"{kind}_{part}" for kind in kinds for part in "mn"])
    total = len(rows(folder, "cabac_contexts"))
    contexts = [number for start in range(0, len(contexts), total) for number in contexts[start : start + CONTEXTS]]
    blocks = rows(folder, "cabac_block_offsets")[:6]
    kept = ["coded_block_flag", "significant_frame", "last_frame", "abs_level_minus1"]
    return {
        "contexts": (f"Tables 9-12 to 9-33 for ctxIdx 0…{CONTEXTS - 1}: all m, then all n, for I slices and for "
                     "cabac_init_idc 0, 1 and 2.", contexts),
        "rangeLPS": ("Table 9-44: rangeTabLPS by qCodIRangeIdx, then pStateIdx.",
                     columns(folder, "cabac_states", [f"rangeLPS_{part}" for part in range(4)])),
        "nextLPS": ("Table 9-45: transIdxLPS by pStateIdx.", columns(folder, "cabac_states", ["transIdxLPS"])),
        "nextMPS": ("Table 9-45: transIdxMPS by pStateIdx.", columns(folder, "cabac_states", ["transIdxMPS"])),
        "blockContexts": ("ctxIdxOffset + ctxBlockCatOffset by ctxBlockCat 0…5, of coded_block_flag, "
                          "significant_coeff_flag, last_significant_coeff_flag, coeff_abs_level_minus1 (frames).",
                          [int(row[name]) for row in blocks for name in kept]),
        "significance8x8": ("Table 9-43: ctxIdxInc of significant_coeff_flag in frame macroblocks, then of "
                            "last_significant_coeff_flag, by levelListIdx 0…62.",
                            columns(folder, "significance_8x8", ["sig_frame", "last"])),
        **code_tables(folder),
        "codedBlockPatterns": ("Table 9-4 by codeNum: intra, inter of 4:2:0 (48 each), then of 4:0:0 (16 each).",
                               columns(folder, "coded_block_pattern", ["intra_chroma1or2", "inter_chroma1or2",
                                                                       "intra_chroma0or3", "inter_chroma0or3"])),
        "zigzag4x4": ("Table 8-2 (frame): raster index by place.", columns(folder, "zigzag", ["raster4x4"])),
        "zigzag8x8": ("6.4.x, figure 8-8 (frame): raster index by place.", columns(folder, "zigzag", ["raster8x8"])),
        "scaling4x4": ("Table 7-3 in zigzag order: Default_4x4_Intra, Default_4x4_Inter.",
                       columns(folder, "scaling_default", ["intra4x4", "inter4x4"])),
        "scaling8x8": ("Table 7-4 in zigzag order: Default_8x8_Intra, Default_8x8_Inter.",
                       columns(folder, "scaling_default", ["intra8x8", "inter8x8"])),
        "normAdjust4x4": ("v of equation 8-315 by m 0…5: of places with even x and y, with one odd, with both odd.",
                          [int(row[f"v4_{part}"]) for row in rows(folder, "norm_adjust") for part in range(3)]),
        "normAdjust8x8": ("v of equation 8-318: 6 numbers by m 0…5.",
                          [int(row[f"v8_{part}"]) for row in rows(folder, "norm_adjust") for part in range(6)]),
        "chromaQP": ("Table 8-15: QPc by qPi 0…51.", columns(folder, "chroma_qp", ["QPC"])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the CSV files")
    parser.add_argument("--output", type=Path, default=PACKAGE / "Sources/Bitstream/Bits/StandardTables.swift")
    arguments = parser.parse_args()
    lines = [
        "// Written by Scripts/h264_tables.py: change the script, not this file.",
        "",
        "/// The number tables of ITU-T H.264.",
        "enum StandardTables {",
    ]
    for name, (meaning, numbers) in tables(arguments.folder).items():
        lines += [f"    /// {line}" for line in textwrap.wrap(meaning, 110)]
        lines.append(f'    static let {name} = numbers(')
        lines.append('        """')
        lines += [f"        {line}" for line in textwrap.wrap(" ".join(map(str, numbers)), 108)]
        lines.append('        """)')
        lines.append("")
    lines += [
        "    private static func numbers(_ text: StaticString) -> [Int16] {",
        "        text.withUTF8Buffer { bytes in",
        "            bytes.split { $0 == 32 || $0 == 10 }.map { word in",
        "                let size = word.reduce(Int16(0)) { $1 == 45 ? $0 : $0 * 10 + Int16($1 - 48) }",
        "                return word.first == 45 ? -size : size",
        "            }",
        "        }",
        "    }",
        "}",
    ]
    arguments.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
