.DEFAULT_GOAL := check
.PHONY: setup setup-test run test check format lint types contracts migrations front-end unit postgres browser browser-pages browser-beside fault-short fault worlds oracles simulate bench fix docs
bin := .venv/bin
pytest := $(bin)/pytest -q -p no:cacheprovider
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Hundreds of processes are started here: each would compile Django and numpy anew.
export PYTHONDONTWRITEBYTECODE :=

setup: ; @scripts/setup.sh run
setup-test: ; @scripts/setup.sh test

# The two commands of the README.
run: setup ; @$(bin)/truelift demo --everyone --programme --home var/demo && TRUELIFT_HOME=var/demo exec $(bin)/truelift serve
test: setup-test ; @$(MAKE) --no-print-directory check

# Everything that must hold, in the order in which it fails fastest; `types` runs beside the rest.
check: ; @scripts/check.sh types -- format lint contracts migrations front-end unit oracles postgres worlds fault-short browser

format: ; $(bin)/ruff format --check src tests bench scripts
lint: ; $(bin)/ruff check src tests bench scripts
contracts: ; $(bin)/lint-imports --no-cache
migrations: ; TRUELIFT_HOME=$$(mktemp -d) $(bin)/python -m django makemigrations --check --dry-run --settings truelift.project.settings
types: ; $(bin)/mypy && $(bin)/pyright --warnings
front-end: ; npm run --silent types && npm run --silent build && npm run --silent test
unit: ; $(pytest) -n 2 -m "not browser and not fault and not world and not simulation and not oracle"
oracles: ; $(pytest) -n 2 -m oracle
postgres: ; scripts/with-postgres.sh $(pytest) -n 2 --timeout 180 -m "database and not browser and not simulation"
# Each file has a company, which its tests share: no two processes build the same.
worlds: ; $(pytest) -n 2 --dist loadfile --timeout 180 -m world
fault-short: ; $(pytest) -n 2 --timeout 180 -m fault
fault: ; TRUELIFT_KILLS=20 TRUELIFT_KILL_EVENTS=200000 $(pytest) --timeout 1800 -m fault
# Two halves that take about as long; each has a company of its own.
browser: ; @$(MAKE) --no-print-directory -j2 --output-sync=target browser-pages browser-beside
pages := tests/browser/pages/test_every_page.py tests/browser/tracker
browser-pages: ; $(pytest) --timeout 120 -m browser $(pages)
browser-beside: ; $(pytest) --timeout 120 -m browser tests/browser $(pages:%=--ignore %)

# Samples what the statistics promise, writes docs/calibration.md of it, holds the detectors against
# samples of today, then samples the rest.
simulate: ; $(bin)/python scripts/calibrate.py && $(bin)/python scripts/calibrate.py --fresh && $(pytest) --timeout 1800 -m simulation
bench: ; @for b in bench/*.py; do echo "== $$b"; $(bin)/python $$b || exit 1; done
fix: ; $(bin)/ruff check --fix src tests bench scripts; $(bin)/ruff format src tests bench scripts
