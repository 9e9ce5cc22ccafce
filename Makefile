# TORCH chooses the build, for example: make test TORCH="torch==2.14.1 torchaudio==2.11.0"
TORCH ?= torch
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo test test-fast lint types

# Installing is redone when a list of requirements changes. Progress goes to stderr: the last line
# on stdout is the path of the video that `generate` wrote.
$(VENV)/installed: requirements.txt
	@$(PYTHON) -m venv $(VENV) 1>&2
	@$(RUN) -m pip install --quiet --disable-pip-version-check $(TORCH) 1>&2
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt 1>&2
	@touch $@

$(VENV)/installed-test: $(VENV)/installed requirements-test.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-test.txt 1>&2
	@touch $@

demo: $(VENV)/installed
	@$(RUN) -m sr_core generate sr_core/assets/sample.mp4 -o "$(CURDIR)/out/sample-with-sound.mp4" --seed 1

lint: $(VENV)/installed-test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	@$(MAKE) --no-print-directory types

# The checkout is the package, as in a host, and its folder may have any name: a link gives it one.
types:
	@mkdir -p .mypy && ln -sfn "$(CURDIR)" .mypy/soundreactor
	MYPYPATH=.mypy $(RUN) -m mypy -p soundreactor.sr_core -p soundreactor.nodes

# A file's tests stay in one process, so that what they share is made once; files in the order that
# tests/conftest.py gives them.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: lint
	$(RUN) -m pytest $(PARALLEL)

test-fast: lint
	$(RUN) -m pytest $(PARALLEL) -m "not slow"
