#!/usr/bin/env bash
# What a new user has, tried out: a Debian 12 with nothing but Swift, git and make, in which the README's commands run on
# a clone of HEAD.
#
#     fresh.sh [COMMAND]      by default: make demo QUICK=1, and a part of make test
#
# It makes the Debian with debootstrap in a temporary folder (TMPDIR, else /var/tmp; 5 GB), and lends it the toolchain of
# the Swift that runs here. Nothing else of this machine is in it but the way to the network: proxies, certificates, mirrors
# of apt, pip and git. All mounts are in a namespace of their own, which the kernel removes with the last process in it.
# Exit codes: the command's; 1 where there is no Debian to run it in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The packages that Swift's own installation page asks for (swift.org/install, Debian 12).
SWIFT_NEEDS=(binutils-gold gcc git libcurl4-openssl-dev libedit-dev libicu-dev libncurses-dev libpython3-dev
  libsqlite3-dev libxml2-dev pkg-config tzdata uuid-dev)
COMMAND="make demo QUICK=1 && make test FILTER='ExtractionTests|DatasetTests.LoaderTests|OperationTypeTests|CommandLineTests'"

say() { printf '\n[%02d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }
fail() { echo "error: $*" >&2; exit 1; }

# Runs a command whose output matters where it fails.
quietly() { "$@" >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; fail "$1 failed"; }; }

# As the user: what is tried out, and the way to the network.
gather() {
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/pframe-fresh.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  say "HEAD is $(git log -1 --format='%h %s')"
  [ -z "$(git status --porcelain)" ] || echo "what is not committed is not tried out: $(git status --porcelain | wc -l) files"
  git bundle create -q "$work/PFrame.bundle" HEAD

  local resources usr
  resources=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
  usr=$(realpath "${resources:?no swift in PATH}/../..")
  [ "$usr" != /usr ] || fail "Swift lies in /usr, among the files of the system: unpack its archive into a folder of its own"
  echo "$usr" >"$work/folders"
  swift --version 2>&1 | head -n 1

  printf '%s\n' HOME=/root USER=root LANG=C.UTF-8 "TERM=${TERM:-dumb}" \
    "PATH=$usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" >"$work/variables"
  env | grep -iE '^(http|https|no)_proxy=' >>"$work/variables" || true
  # Indexes and certificates of pip, but no folder of wheels: that would hide what others get.
  python3 -m pip config list 2>/dev/null \
    | sed -nE "s/^[^=]*\.(index-url|extra-index-url|proxy|cert|client-cert|trusted-host|timeout|default-timeout|retries)='(.*)'$/\1=\2/p" \
    | while IFS== read -r key value; do key=${key^^}; echo "PIP_${key//-/_}=$value"; done >>"$work/variables"
  # Of git's settings those that lead to repositories; a local folder that stands for a server comes along.
  git config --includes --list --name-only | sort -u | grep -E '^(url\..*\.(push)?insteadof|http\.(proxy|sslcainfo))$' \
    | while read -r key; do
      git config --get-all "$key" | while read -r value; do git config -f "$work/gitconfig" --add "$key" "$value"; done
      key=${key#url.}; key=${key%.insteadof}
      if [ -d "$key" ]; then echo "$key" >>"$work/folders"; fi
    done || true
  apt-config dump | grep -E '^Acquire::(http|https|Check-[A-Za-z-]*|Retries)\b.* "..*";$' >"$work/apt.conf" || true
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' 2>/dev/null \
    | awk '$2 ~ /^bookworm(-updates|-security)?$/ { print "deb", $1, $2, "main" }' | sort -u >"$work/sources.list" || true
  grep -q ' bookworm main' "$work/sources.list" || echo "deb http://deb.debian.org/debian bookworm main" >"$work/sources.list"
  chmod 755 "$work"
}

# As root: runs the rest in namespaces of its own, and clears up whatever comes.
supervise() {
  child=
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  trap 'trap "" INT TERM HUP; kill -KILL "$child" 2>/dev/null || true; wait 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
  if [ ! -x /usr/sbin/debootstrap ]; then
    say "debootstrap, with apt"
    quietly apt-get update -q
    quietly apt-get install -q -y --no-install-recommends debootstrap debian-archive-keyring
  fi
  setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child bash Scripts/fresh.sh --inside "$work" "$1" &
  child=$!
  local code=0
  wait "$child" || code=$?
  say "$([ "$code" = 0 ] && echo passed || echo "failed with exit code $code"); $(du -sh "$work" | cut -f 1) of disk are given back"
  exit "$code"
}

# In the namespaces: makes the Debian and runs the command in it.
inside() {
  local root=$work/root folder variables
  say "a Debian 12, with debootstrap"
  quietly debootstrap --variant=minbase bookworm "$root" "$(awk '$3 == "bookworm" { print $2; exit }' "$work/sources.list")"
  mount -t proc proc "$root/proc"
  mount --rbind --make-rslave /dev "$root/dev"
  mount --rbind --make-rslave /sys "$root/sys"
  while read -r folder; do
    mkdir -p "$root/$folder"
    mount --bind "$folder" "$root/$folder"
    mount -o remount,bind,ro "$root/$folder"
  done <"$work/folders"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  echo "127.0.0.1 localhost $(hostname)" >"$root/etc/hosts"
  cp "$work/apt.conf" "$root/etc/apt/apt.conf.d/90network"
  cp "$work/sources.list" "$root/etc/apt/sources.list"
  if [ -e "$work/gitconfig" ]; then cp "$work/gitconfig" "$root/etc/gitconfig"; fi
  # Certificates of this machine's own; those of the package ca-certificates come with git.
  if [ -d /usr/local/share/ca-certificates ]; then cp -rL /usr/local/share/ca-certificates "$root/usr/local/share/"; fi
  mapfile -t variables <"$work/variables"
  debian() { chroot "$root" /usr/bin/env -i "${variables[@]}" "$@"; }

  say "Swift's own requirements, git and make, with apt"
  quietly debian apt-get update -q
  quietly debian env DEBIAN_FRONTEND=noninteractive apt-get install -q -y "${SWIFT_NEEDS[@]}" git make
  cp "$work/PFrame.bundle" "$root/root/"
  quietly debian git clone -q /root/PFrame.bundle /root/PFrame

  say "$1"
  debian bash -o pipefail -c "cd /root/PFrame && $1" </dev/null
}

case "${1:-}" in
--inside) work=$2; inside "$3" ;;
--supervise) work=$2; supervise "$3" ;;
*)
  gather
  sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
  exec "${sudo[@]}" bash Scripts/fresh.sh --supervise "$work" "${1:-$COMMAND}"
  ;;
esac
