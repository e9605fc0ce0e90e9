# Every target is one line; what is longer stands in scripts/. Paths are relative, so the folder may have any name.

.DEFAULT_GOAL := help
.PHONY: help run demo test lint bench chaos simulate shots shape web
BIN := .venv/bin

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: .venv/.ready ## start everything on this machine and stay; Ctrl-C stops it all
	@exec $(BIN)/forgeline up

demo: .venv/.ready ## submit one prompt, show it live; the last line is the picture's path
	@exec $(BIN)/forgeline demo

test: .venv/.ready-dev ## every test, the linters first (installs what they need)
	@exec scripts/test

lint: .venv/.ready-dev ## linters, types and import contracts
	@exec scripts/lint

bench: .venv/.ready-dev var/bench/gradio/.ready ## the benchmark suite, others beside ours
	@exec $(BIN)/python -m tests.bench

chaos: .venv/.ready-dev ## the fault soak: things are killed while jobs run
	@exec $(BIN)/python -m tests.faults.soak

simulate: .venv/.ready-dev ## how the line scales with more GPUs
	@exec $(BIN)/python -m tests.bench.simulate

shots: .venv/.ready-dev ## screenshots of every state of the page
	@exec $(BIN)/python -m tests.e2e.shots

shape: .venv/.ready ## size figures of the code
	@exec $(BIN)/python scripts/shape.py

web: ## build the page into api/web/dist
	@exec scripts/web build

var/bench/gradio/.ready: tests/bench/gradio.txt .venv/.ready
	@scripts/rivals

.venv/.ready: setup.cfg pyproject.toml constraints.txt scripts/setup
	@scripts/setup

.venv/.ready-dev: .venv/.ready
	@scripts/setup dev
