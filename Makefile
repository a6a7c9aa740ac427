# Two commands: `make book` ends with the website, `make test` proves that it works.
# Every target creates .venv by itself and is quick when nothing changed. `make HASHED=1 ...` lets nothing into it
# that is not, byte for byte, what constraints-hashed.txt names.

PYTHON ?= python3
SCALE ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
SITE := _build/html/index.html

.DEFAULT_GOAL := help
.PHONY: book pdf test tests lint format bench serve test-site clean help

book: $(READY) ## Train what is missing, render every chapter, print where the website is
	@$(BIN)/transferlaws book $(if $(SCALE),--scale $(SCALE))

pdf: $(READY) ## The same as one PDF, _build/transfer-laws.pdf (needs chromium)
	@$(BIN)/transferlaws book --pdf $(if $(SCALE),--scale $(SCALE))

test: lint tests ## Check style and types, run the tests (no network needed)

tests: $(READY) ## Run the tests alone; PYTEST="--cov" passes options on
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

lint: $(READY) ## Check style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(READY) ## Put the code into the project's style
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(READY) ## Measure speed, as ratios against named alternatives
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

serve: $(READY) ## Show the built website at http://localhost:8000
	@test -f $(SITE) || { echo "no website yet: make book"; exit 1; }
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

test-site: $(READY) ## Open every page of the built website in headless Chromium (needs node and chromium)
	@test -f $(SITE) || { echo "no website yet: make book"; exit 1; }
	@cd tests/site && npm install --no-audit --no-fund --silent && node check.mjs ../../_build/html

clean: ## Remove the website and staged chapters; runs and downloads stay
	rm -rf _build

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

constraints-hashed.txt: constraints.txt pyproject.toml # all that these bring with them on any system (needs uv)
	@uv pip compile pyproject.toml --extra train --extra book --extra hub --extra dev --constraint constraints.txt \
	  --universal --python-version 3.11 --only-binary :all: --generate-hashes --no-annotate --no-config --quiet \
	  --custom-compile-command "make $@" --output-file $@

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed (make PYTHON=python3.12 ...)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (about two minutes the first time)"
ifdef HASHED
	@$(PIP) --require-hashes --only-binary :all: --requirement constraints-hashed.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
else
	@$(PIP) --constraint constraints.txt --editable '.[train,book,hub,dev]'
endif
	@touch $(READY)
