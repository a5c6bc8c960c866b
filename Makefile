# `make demo` and `make test` need Python 3.11 to 3.13 and make; the rest comes through package registries.
PYTHON ?= python3
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

.PHONY: help demo test check format bench clean setup

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*  ## /  make \1\t/p' $(MAKEFILE_LIST)

demo: setup  ## from nothing to scored results: sandbox, pulumi up, events, stream, batch job, page
	@python tools/demo.py

test: setup  ## everything checked; the same command that CI runs
	@tools/test

check: setup  ## format, lint, types, doors between rooms
	@tools/check

format: setup  ## let ruff format and mend
	@ruff check --fix --quiet . ; ruff format .

bench: setup  ## benchmarks, as ratios in one run
	@python benchmarks/stream_engine.py

clean: setup  ## destroy the demo's stack, show that the sandbox is empty, remove its state
	@python tools/demo.py --clean

setup:  ## tools and environments
	@$(PYTHON) tools/bootstrap.py
