#!/usr/bin/env bash
# Packs the programs, and every library that they need but libtorch and the C library, into one archive. The archive
# runs from any folder on x86-64 Linux with glibc 2.36 or later, without an installed package.
#
#     bundle.sh ARCHIVE.tar.xz [PROGRAMS]     PROGRAMS: the folder of the built programs, by default .build/release
#
# In the archive: bin/ what a user calls, lib/ the libraries, libexec/ the programs. `pframe train`, `encode`, `sample`
# and `evaluate` take libtorch from the folder that PFRAME_TORCH names, else from the PyTorch of python3.
# Exit codes: 0 done, 1 not done.
set -euo pipefail

archive=$(realpath -m "${1:?usage: bundle.sh ARCHIVE.tar.xz [PROGRAMS]}")
programs=${2:-$(dirname "${BASH_SOURCE[0]}")/../.build/release}
names=(pframe pframe-train pframe-sample ModelBenchmark)
fail() { echo "error: $*" >&2; exit 1; }
command -v patchelf >/dev/null || fail "no patchelf in PATH: apt-get install patchelf"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
made=$work/pframe
mkdir -p "$made/bin" "$made/lib" "$made/libexec"

for name in "${names[@]}"; do
  [ -x "$programs/$name" ] || fail "$programs/$name is not built: make build"
  strip -o "$made/libexec/$name" "$programs/$name"
done

# What stays behind: the C library's own files, and what lies beside libtorch.
system='ld-linux-x86-64\.so|lib(c|m|dl|rt|util|pthread|resolv|anl|mvec|BrokenLocale|nss_[a-z]*)\.so'
listed=$(for name in "${names[@]}"; do ldd "$programs/$name"; done | sort -u)
torch=$(awk '$1 == "libtorch_cpu.so" { print $3; exit }' <<<"$listed")
[ -f "$torch" ] || fail "$programs holds programs without libtorch"
# A GPU's libraries come with PyTorch.
absent=$(grep 'not found' <<<"$listed" | grep -vE '^\s*lib(cu|nv|nccl)' || true)
[ -z "$absent" ] || fail "a library is missing here:"$'\n'"$absent"
awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' <<<"$listed" | grep -vE "^($system)" | while read -r name path; do
  case "$path" in "$(dirname "$torch")"/*|*/nvidia/*) continue ;; esac
  cp -L "$path" "$made/lib/$name"
  chmod u+w "$made/lib/$name"
  strip --strip-unneeded "$made/lib/$name" 2>/dev/null || true
done
# An RPATH, unlike a RUNPATH, counts for the libraries of libraries too.
for file in "$made"/libexec/*; do patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$file"; done
for file in "$made"/lib/*; do
  if [ -n "$(patchelf --print-rpath "$file")" ]; then patchelf --force-rpath --set-rpath '$ORIGIN' "$file"; fi
done

cat >"$made/bin/pframe" <<'SCRIPT'
#!/bin/sh
# Starts a program of this folder's libexec; those that compute with libtorch are told where it lies.
here=$(dirname "$(readlink -f "$0")")
name=$(basename "$0")
case "$name $1" in
pframe-*|Model*|*" train"|*" encode"|*" sample"|*" evaluate"|*" check")
  find='from importlib.util import find_spec as f; s = f("torch"); print(s.submodule_search_locations[0] if s else "")'
  torch=${PFRAME_TORCH:-$(python3 -c "$find" 2>/dev/null)}
  if [ -n "$torch" ]; then export LD_LIBRARY_PATH="$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  elif [ "$1" != check ]; then
    echo "error: no libtorch: PFRAME_TORCH=DIR names the folder of a PyTorch, and pip install torch brings one" >&2
    exit 2
  fi ;;
esac
exec "$here/../libexec/$name" "$@"
SCRIPT
chmod +x "$made/bin/pframe"
for name in "${names[@]:1}"; do ln -s pframe "$made/bin/$name"; done

mkdir -p "$(dirname "$archive")"
# Sorted, without owners and times: the same programs and libraries give the same archive.
tar c -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 pframe \
  | xz -T1 --lzma2=preset=6,dict=256MiB >"$archive.tmp"
mv "$archive.tmp" "$archive"
echo "$archive: $(($(stat -c %s "$archive") / 1000000)) MB, $(du -sm "$made" | cut -f 1) MB unpacked," \
  "$(find "$made/lib" -type f | wc -l) libraries"
