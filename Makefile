PYTHON := .venv/bin/python
# How many times the usual number of random cases `make soak` runs.
SOAK ?= 25
# The part of bibench that has figures to meet: one operator and its float twin, three seeds.
BIBENCH_FIGURES := --tasks digits --architectures residual --operators bnn --no-board --no-page \
	--out build/bench/binary_digits.json

.PHONY: help setup setup-train demo test lint bench bibench soak docs

help:
	@echo "make demo   set up, then deploy the example model to an emulated Cortex-M4"
	@echo "make test   linters, types and the test suite"
	@echo "make bench  the figures: speed, MLPerf Tiny, memory, streaming over time, quantization, binary kernels"
	@echo "make bibench  eight binarization algorithms trained and compared (13 min on 2 cores)"
	@echo "make soak   the test suite with $(SOAK) times as many random cases (SOAK=n)"
	@echo "make docs   regenerate docs/cli.md, and pictures and outputs of the pages"

setup:
	@scripts/setup.sh

setup-train:
	@scripts/setup.sh train

demo: setup
	@$(PYTHON) -m edgewright deploy examples/digits/digits_int8.onnx --board mps2-an386

test: lint setup-train
	$(PYTHON) -m pytest -n 2

lint: setup
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy -p edgewright

bench: setup-train
	@status=0; for name in performance mlperf_tiny memory time_streaming quantize binary_kernels; do $(PYTHON) -m benchmarks.$$name || status=1; done; \
	$(PYTHON) -m benchmarks.bibench $(BIBENCH_FIGURES) || status=1; exit $$status

bibench: setup-train
	$(PYTHON) -m benchmarks.bibench

soak: setup-train
	EDGEWRIGHT_SOAK=$(SOAK) $(PYTHON) -m pytest -n 2

docs: setup
	$(PYTHON) scripts/cli_docs.py
	$(PYTHON) scripts/memory_pictures.py
	$(PYTHON) scripts/page_outputs.py
