# Run `make` to see what there is. Everything happens inside .venv and _build.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info < (3,14))' \
  2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
SITE := _build/html
.DEFAULT_GOAL := help
.PHONY: help book pdf epub test serve mutants lint type check-site check-notebooks versions portable reproduce bench bench-gpu lighthouse results results-gpu clean
.DELETE_ON_ERROR:

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/:[^#]*## /\t/' | expand -t 14

book: $(VENV)/.ready ## build the site into _build/html
	@$(BIN)/jupyter-book build . -W --keep-going -n
	@echo "The book: file://$(CURDIR)/$(SITE)/index.html"

pdf: book $(VENV)/.ready-dev ## the whole book as _build/book.pdf; the next `make book` links to it
	@$(BIN)/python book/_print/pdf.py

epub: book ## the whole book as _build/book.epub; the next `make book` links to it
	@$(BIN)/python book/_print/epub.py

test: $(VENV)/.ready ## run the tests of the package and of the site's extensions
	@$(BIN)/python -m pytest -n auto

serve: book ## build the site, then show it in a browser (Ctrl-C ends it)
	@$(BIN)/python -c "import threading, webbrowser as w; threading.Timer(1, w.open, ['http://127.0.0.1:8000']).start(); \
	import http.server as h, functools as f; h.test(f.partial(h.SimpleHTTPRequestHandler, directory='$(SITE)'), port=8000, bind='127.0.0.1')"

mutants: $(VENV)/.ready ## edit the package in small ways; a test has to notice (ONLY=--gradients: seconds; ONLY="--all data": all of a room)
	@$(BIN)/python tests/mutants/run.py $(ONLY)

lint: $(VENV)/.ready-dev ## ruff: style and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

type: $(VENV)/.ready-dev ## mypy: types of the package
	@$(BIN)/mypy

check-site: $(VENV)/.ready-dev ## open every page of the built site in Chromium, and in Firefox and WebKit where they are installed
	@test -f $(SITE)/index.html || { echo "check-site: no site in $(SITE); run 'make book' first" >&2; exit 2; }
	@$(BIN)/python tests/site/check_site.py $(SITE)

check-notebooks: $(VENV)/.ready-dev ## run every downloaded notebook in a fresh environment and compare with the page (minutes)
	@test -f $(SITE)/index.html || { echo "check-notebooks: no site in $(SITE); run 'make book' first" >&2; exit 2; }
	@$(BIN)/python tests/site/run_notebooks.py $(SITE)

versions: $(VENV)/.ready ## run the package's tests with the lowest and the newest versions promised (downloads gigabytes)
	@$(BIN)/python tests/versions.py

portable: $(VENV)/.ready ## run every page as other processors would; how much room each claim has (an hour)
	@$(BIN)/python tests/portable/portable.py --record

reproduce: $(VENV)/.ready ## build the commit twice from nothing and compare every file (half an hour)
	@$(BIN)/python tests/site/reproduce.py

bench: $(VENV)/.ready ## time training steps against others, in ratios (minutes)
	@$(BIN)/python benchmarks/bench.py --out book/_results/bench.json
	@$(BIN)/python benchmarks/compiled.py --out book/_results/compiled.json

bench-gpu: $(VENV)/.ready ## time training steps on a graphics processor against nanoGPT's form (needs one; minutes)
	@$(BIN)/python benchmarks/gpu.py

lighthouse: $(VENV)/.ready-dev ## Lighthouse on two pages of the built site (needs Node.js; minutes)
	@$(BIN)/python tests/site/lighthouse.py $(SITE)

results: $(VENV)/.ready ## train the recorded models again (minutes; set CHARLM_DATA to a local copy of the data)
	@test -z "$$CHARLM_NAMES" || { echo "results: unset CHARLM_NAMES; records are made with known lists" >&2; exit 2; }
	@$(BIN)/python book/_results/record.py
	@$(BIN)/python book/_results/league.py
	@$(BIN)/python book/_results/ladder.py
	@$(BIN)/python book/_results/cost.py
	@$(BIN)/python book/_results/depth.py
	@$(BIN)/python book/_results/normalisation.py
	@$(BIN)/python book/_results/axes.py
	@$(BIN)/python book/_results/optimisers.py
	@$(BIN)/python book/_results/batchnorm.py
	@$(BIN)/python book/_results/tape.py
	@$(BIN)/python book/_results/gpt.py
	@$(BIN)/python book/_results/induction.py
	@$(BIN)/python book/_results/thread.py
	@$(BIN)/python book/_results/sums.py
	@$(BIN)/python book/_results/memory.py
	@$(BIN)/python book/_results/remedies.py
	@$(BIN)/python book/_results/shapes.py
	@$(BIN)/python book/_results/recurrent.py
	@$(BIN)/python book/_results/activations.py
	@$(BIN)/python book/_results/precision.py

results-gpu: $(VENV)/.ready ## train GPTs of millions of parameters by hand gradients on a graphics processor (needs one; ten minutes)
	@$(BIN)/python book/_results/gpu.py

clean: ## remove the built site and the environment
	rm -rf _build $(VENV) build *.egg-info

# The stamp is written last, so an interrupted install is simply repeated.
$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11, 3.12 or 3.13 on the PATH (or PYTHON=/path/to/python)" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) cannot make environments; install its venv package (Debian: apt install python3-venv)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[book,test]'
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	@touch $@
