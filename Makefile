# `make demo` and `make test` need Python 3.11 to 3.13 and make; the rest comes through package registries.
PYTHON ?= python3
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

.PHONY: help demo demo-plant test check format bench clean setup

help:  ## show this list
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "  make %-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup  ## from nothing to scored results: sandbox, pulumi up, events, stream, batch job, page
	@python tools/demo.py

demo-plant: setup  ## a second problem, on measured data that comes as files, scored on schedule
	@python tools/demo_plant.py

test: setup  ## everything checked; the same command that CI runs
	@tools/test

check: setup  ## format, lint, types, doors between rooms
	@tools/check

format: setup  ## let ruff format and mend
	@ruff check --fix --quiet . ; ruff format .

bench: setup  ## benchmarks, as ratios in one run
	@python benchmarks/stream_engine.py

clean: setup  ## destroy the demos' stacks, show that the sandboxes are empty, remove their state
	@python tools/demo.py --clean
	@python tools/demo_plant.py --clean

setup:  ## tools and environments
	@$(PYTHON) tools/bootstrap.py
