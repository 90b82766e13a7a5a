# From a clean clone: `make demo` shows what it does, `make test` checks it.
# Both first say what they will install, and reuse .venv when it is up to date.

SHELL := /bin/bash
DATA := $(or $(SCAN3D_DATA),../shared/data)
PY := .venv/bin/python

.PHONY: help prepare demo test test-all lint bench clean

help:
	@echo "make demo      reconstruct the sample capture beside the project into demo/"
	@echo "make test      the tests, without the slow ones"
	@echo "make test-all  all tests"
	@echo "make lint      style and types"
	@echo "make bench     measure accuracy, colour, time and memory; writes docs/benchmarks.md"
	@echo "make clean     remove .venv, demo/ and caches"

prepare:
	@.ci/prepare

demo:
	@if [ ! -d "$(DATA)/rig_head/images" ]; then \
	  echo "There is no capture beside this project: $(DATA)/rig_head/images was not found."; \
	  echo "Set SCAN3D_DATA to the folder that holds rig_head, or reconstruct a capture of your own:"; \
	  echo "  make prepare && .venv/bin/scan3d reconstruct TAKE    (README.md says what a TAKE holds)"; \
	  exit 1; \
	fi
	@.ci/prepare
	@mkdir -p demo/rig_head
	@cp -r --update "$(DATA)/rig_head/images" "$(DATA)/rig_head/colmap" demo/rig_head/
	@chmod -R u+w demo/rig_head
	@.venv/bin/scan3d reconstruct demo/rig_head --quality standard
	@echo
	@echo "Open demo/rig_head/results/report.html in a browser and model.glb in Blender (File > Import > glTF)."

test: prepare
	@$(PY) -m pytest

test-all: prepare
	@$(PY) -m pytest -m "slow or not slow"

lint: prepare
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

bench: prepare
	@$(PY) -m tests.benchmarks

clean:
	rm -rf .venv demo build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
