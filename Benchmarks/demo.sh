#!/usr/bin/env bash
# The whole path on clips made here: extract, rebuild, prove the rebuild equal to what FFmpeg decodes, draw it; then a data
# set: build, filter, check, show.
# Usage: PFRAME=.build/release/pframe Benchmarks/demo.sh FOLDER
set -euo pipefail
pframe=${PFRAME:-.build/release/pframe}
out=${1:-demo}
mkdir -p "$out"

step() { printf '\n== %s\n' "$1"; }

step "1/9  a synthetic clip: textured shapes in motion, H.264 with B-frames"
"$pframe" synth --output "$out/shapes" --videos 4 --size 256 --seconds 4 --seed 0
clip=$out/shapes/video-00000.mp4
"$pframe" info "$clip"

step "2/9  its motion vectors and residual"
"$pframe" extract "$clip" --residual --field 16 --output "$out/extracted" --force

step "3/9  the video again, from those files alone"
"$pframe" reconstruct "$out/extracted/video-00000" --output "$out/rebuilt.yuv"
"$pframe" reconstruct "$out/extracted/video-00000" --output "$out/rebuilt.mp4"

step "4/9  is it what FFmpeg decodes?"
ffmpeg -v error -y -nostdin -threads 1 -flags unaligned -noautorotate -i "$clip" -map 0:v:0 -f rawvideo \
    -vsync passthrough "$out/decoded.yuv"
cmp "$out/rebuilt.yuv" "$out/decoded.yuv"
echo "equal: $(stat -c %s "$out/decoded.yuv") bytes, $(sha256sum "$out/rebuilt.yuv" | cut -c1-16)…"
rm "$out/rebuilt.yuv" "$out/decoded.yuv"

step "5/9  pictures of it"
"$pframe" view "$clip" --output "$out/figure.png" --title "A synthetic clip"
"$pframe" view "$clip" --output "$out/figure.mp4" --title "A synthetic clip" --frames 50

step "6/9  a data set of 24 captioned videos, some of them repeated"
"$pframe" synth --output "$out/videos" --videos 24 --size 128 --seconds 4 --seed 1 --duplicates 0.2
rm -rf "$out/clips" "$out/kept"
"$pframe" build "$out/videos" --captions "$out/videos/captions.csv" --output "$out/clips" --videos-per-shard 8

step "7/9  the clips that move, none of them twice"
"$pframe" filter "$out/clips" --motion 0.5...20 --drop-duplicates --output "$out/kept"

step "8/9  is every byte as it was written?"
"$pframe" check "$out/clips"
"$pframe" check "$out/kept"

step "9/9  a page of it"
"$pframe" report "$out/kept" --title "Moving shapes, filtered"

cat <<EOF

Everything is in $out/:
  shapes/                        the clips and captions.csv
  extracted/video-00000/         motion.npy  frames.csv  field.npy  mask.npy  residual.mkv  stream.json
  rebuilt.mp4                    the video rebuilt from motion and residual
  figure.png, figure.mp4         vectors, residual and motion magnitude
  videos/                        24 more clips and captions.csv
  clips/                         the data set: shards, rows, index.sqlite, dataset.json
  kept/                          what the filter kept; open report.html in a browser
EOF
