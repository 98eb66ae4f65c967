#!/usr/bin/env bash
# Run parts of the Makefile in order, and say how long each took; the first that fails is the last.
# usage: scripts/check.sh PART -- PART...; the part before the dashes takes one core for minutes,
# so it runs beside the others, and its output comes in one piece when it is done.
set -uo pipefail
cd "$(dirname "$0")/.."
said=$(mktemp -d /tmp/truelift-check.XXXXXX)
beside=$1
shift 2

run() { "${MAKE:-make}" --no-print-directory "$1"; }
took() { printf '== %s: %s after %s s\n' "$1" "$2" "$3"; }

set -m  # a process group of its own, so that all of it can be stopped
{ SECONDS=0; run "$beside" > "$said/output" 2>&1; echo "$? $SECONDS" > "$said/ended.part"; mv "$said/ended.part" "$said/ended"; } &
process=$!
set +m
trap 'kill -- "-$process" 2> /dev/null; rm -rf "$said"' EXIT

# Show what the part beside has said, once it has ended.
look_beside() {
  [ -e "$said/ended" ] && [ ! -e "$said/shown" ] || return 0
  local status seconds
  read -r status seconds < "$said/ended"
  touch "$said/shown"
  printf '== %s\n' "$beside"
  cat "$said/output"
  [ "$status" = 0 ] || { took "$beside" "FAILED" "$seconds"; exit 1; }
  took "$beside" "fine" "$seconds"
}

for part in "$@"; do
  printf '== %s\n' "$part"
  began=$SECONDS
  run "$part" || { took "$part" "FAILED" $((SECONDS - began)); exit 1; }
  took "$part" "fine" $((SECONDS - began))
  look_beside
done
wait "$process"
[ -e "$said/ended" ] || { cat "$said/output"; took "$beside" "STOPPED" "$SECONDS"; exit 1; }
look_beside
printf '== everything holds: %s s\n' "$SECONDS"
