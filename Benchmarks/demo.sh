#!/usr/bin/env bash
# The whole path on a clip made here: extract, rebuild, prove the rebuild equal to what FFmpeg decodes, draw it.
# Usage: PFRAME=.build/release/pframe Benchmarks/demo.sh FOLDER
set -euo pipefail
pframe=${PFRAME:-.build/release/pframe}
out=${1:-demo}
mkdir -p "$out"

step() { printf '\n== %s\n' "$1"; }

step "1/5  a synthetic clip: textured shapes in motion, H.264 with B-frames"
"$pframe" synth --output "$out/shapes" --videos 4 --size 256 --seconds 4 --seed 0
clip=$out/shapes/video-00000.mp4
"$pframe" info "$clip"

step "2/5  its motion vectors and residual"
"$pframe" extract "$clip" --residual --field 16 --output "$out/extracted" --force

step "3/5  the video again, from those files alone"
"$pframe" reconstruct "$out/extracted/video-00000" --output "$out/rebuilt.yuv"
"$pframe" reconstruct "$out/extracted/video-00000" --output "$out/rebuilt.mp4"

step "4/5  is it what FFmpeg decodes?"
ffmpeg -v error -y -nostdin -threads 1 -flags unaligned -noautorotate -i "$clip" -map 0:v:0 -f rawvideo \
    -vsync passthrough "$out/decoded.yuv"
cmp "$out/rebuilt.yuv" "$out/decoded.yuv"
echo "equal: $(stat -c %s "$out/decoded.yuv") bytes, $(sha256sum "$out/rebuilt.yuv" | cut -c1-16)…"
rm "$out/rebuilt.yuv" "$out/decoded.yuv"

step "5/5  pictures of it"
"$pframe" view "$clip" --output "$out/figure.png" --title "A synthetic clip"
"$pframe" view "$clip" --output "$out/figure.mp4" --title "A synthetic clip" --frames 50

cat <<EOF

Everything is in $out/:
  shapes/                        the clips and captions.csv
  extracted/video-00000/         motion.npy  frames.csv  field.npy  mask.npy  residual.mkv  stream.json
  rebuilt.mp4                    the video rebuilt from motion and residual
  figure.png, figure.mp4         vectors, residual and motion magnitude
EOF
