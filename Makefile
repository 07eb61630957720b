# make serve   set everything up and serve the box at http://127.0.0.1:7860
# make test    set everything up and run the tests, with the network cut
#
# Both need Python 3.11 or later, a C/C++ compiler and make, and nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 7860
PIP := $(BIN)/python -m pip --disable-pip-version-check
# llama.cpp is built for this machine's processor; PORTABLE=1 builds for any x86-64 of the last ten years (images do).
PORTABLE_FLAGS := -DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON
ifdef PORTABLE
export CMAKE_ARGS := $(PORTABLE_FLAGS)
endif
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: serve test install check models gold screenshots wheels clean help

help:
	@sed -n '1,4s/^# \{0,1\}//p' Makefile

serve: $(VENV)/.runtime models
	$(BIN)/tellerbox serve --host $(HOST) --port $(PORT)

test: $(VENV)/.dev models
	$(BIN)/ruff check .
	$(BIN)/mypy
	./tests/offline $(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

install: $(VENV)/.runtime

# The models that ship, by sha256.
models:
	@cd models && sha256sum --check --quiet sha256sums && echo "models: all files are the ones that were released"

# The reference bank: front matter, figures that agree in eight languages, questions that fit their policies.
gold: $(VENV)/.runtime
	$(BIN)/tellerbox knowledge check
	$(BIN)/python -m tests.gold.check

screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.screenshots docs/screenshots
	$(BIN)/python -m tests.kiosk_screenshots docs/screenshots

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing. llama.cpp is compiled once, about 7 minutes on 2 cores; the next call starts at once."
	$(PIP) install --progress-bar on --constraint constraints.txt torch
	@if $(PIP) list 2>/dev/null | grep -qi '^nvidia-'; then echo "torch came with CUDA packages; install its CPU build (see README, Set-up)" >&2; exit 1; fi
	$(PIP) install --progress-bar on --constraint constraints.txt llama-cpp-python
	$(PIP) install --progress-bar on --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(PIP) install --progress-bar on --constraint constraints.txt --editable '.[dev,factory]'
	@touch $@

# Every wheel of the run time, for an image that must build without a network afterwards.
wheels:
	$(PYTHON) -m pip wheel --constraint constraints.txt --wheel-dir $(or $(WHEELS),.wheels) torch .

clean:
	rm -rf $(VENV) build .wheels *.egg-info
