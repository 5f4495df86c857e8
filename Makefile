# Every command of the house. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test check explore bench soak lock clean
SHELL := /bin/sh
export PYTHON

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | while IFS="	" read -r name text; do printf '  make %-7s %s\n' "$$name" "$$text"; done

demo: ## install what is needed and start the demo on http://127.0.0.1:8080
	@deploy/venv core
	@exec .venv/bin/visavis demo

test: ## everything: format, lint, types, import rules, unit, integration, real browser
	@deploy/test-tools
	@deploy/venv dev
	@deploy/steps format lint static unit integration browser

check: ## the quick part of test: no server, no browser
	@deploy/venv dev
	@deploy/steps format lint static unit

explore: ## the unit tests with new random examples; what fails is kept in .hypothesis and tried first next time
	@deploy/venv dev
	@deploy/steps explore

bench: ## the slow part: load and cost per call beside Janus, as JSON and a table
	@deploy/test-tools bench
	@deploy/venv dev
	@deploy/steps bench

soak: ## half an hour of calls on bad networks with a fault every minute; SOAK_MINUTES=2 to try it
	@deploy/test-tools
	@deploy/venv dev
	@deploy/steps soak

lock: ## make the locks anew from pyproject.toml
	@deploy/venv dev
	@deploy/lock

clean: ## remove what was made here; data folders stay
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache web/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
