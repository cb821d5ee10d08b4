# Everything is in dev/: `python3 -m dev help`. ARGS="…" is handed on to the command.
PYTHON ?= python3
export ARGS

.DEFAULT_GOAL := help
.PHONY: help demo test serve lint benchmark build stop clean

help: ## what there is
	@echo "make TARGET [ARGS='…'] [BENCH=/path/to/bench] [BANK_API_CACHE=/path]"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## the main job, told step by step on a fresh site
	@exec $(PYTHON) -m dev demo

test: ## all tests; make test ARGS="-k identity"
	@exec $(PYTHON) -m dev test

serve: ## leave it running, with URLs, log-ins and a working key
	@exec $(PYTHON) -m dev serve

lint: ## ruff, ruff format, mypy; ARGS=--fix repairs what can be
	@exec $(PYTHON) -m dev lint

benchmark: ## the measured ratios, into benchmarks/results.json
	@exec $(PYTHON) -m dev benchmark

build: ## only build the bench, its first site and the desk
	@exec $(PYTHON) -m dev build

stop: ## stop the embedded bench's servers
	@exec $(PYTHON) -m dev stop

clean: ## stop the servers, remove everything built outside the repository
	@exec $(PYTHON) -m dev clean
