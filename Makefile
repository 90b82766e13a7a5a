# From a clean clone: `make demo` shows what it does, `make test` checks it.
# Both first say what they will install, and reuse .venv when it is up to date.

SHELL := /bin/bash
DATA := $(or $(SCAN3D_DATA),../shared/data)
PY := .venv/bin/python

# Blender in .venv-blender is optional: `make prepare-blender` lets the tests that need it run.

.PHONY: help prepare prepare-blender demo demo-head test test-all lint bench clean

help:
	@echo "make demo      photograph a virtual person, make the twin, compare it with the truth: demo/"
	@echo "make demo-head reconstruct the sample capture beside the project into demo_head/"
	@echo "make test      the tests, without the slow ones"
	@echo "make test-all  all tests"
	@echo "make lint      style and types"
	@echo "make prepare-blender  Blender for .blend and FBX exports, into .venv-blender (optional)"
	@echo "make bench     measure accuracy, colour, time and memory; writes docs/benchmarks.md"
	@echo "make clean     remove .venv, demo/ and caches"

prepare:
	@.ci/prepare

prepare-blender:
	@.ci/prepare-blender

demo: prepare
	@.venv/bin/scan3d demo demo

demo-head: prepare
	@if [ ! -d "$(DATA)/rig_head/images" ]; then \
	  echo "There is no capture beside this project: $(DATA)/rig_head/images was not found."; \
	  echo "Set SCAN3D_DATA to the folder that holds rig_head, or run make demo, which needs no data."; \
	  exit 1; \
	fi
	@mkdir -p demo_head
	@cp -r --update "$(DATA)/rig_head/images" "$(DATA)/rig_head/colmap" demo_head/
	@chmod -R u+w demo_head
	@.venv/bin/scan3d reconstruct demo_head

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
	rm -rf .venv .venv-blender demo demo_head build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
