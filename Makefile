# `make` alone lists the targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

$(VENV)/.core: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[lint]'
	@touch $@

$(VENV)/.eval: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[valid,eval]'
	$(BIN)/datagen assets fetch face-models
	@touch $@

$(VENV)/.train: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,valid]'
	$(BIN)/datagen assets fetch ict valid perceptual-models
	@touch $@

dataset: $(VENV)/.core ## Install, generate 16 verified pairs into out/, make their page
	$(BIN)/datagen generate $(OUT) --recipe portrait --pairs 16 --size 512 --seed 0 --workers 2 --shard-pairs 4
	$(BIN)/datagen verify $(OUT)
	$(BIN)/datagen view $(OUT)

test: $(VENV)/.test ## Install what the tests need and run the fast ones
	$(BIN)/python -m pytest -m "not browser and not slow" -n 2 --dist loadfile

check: $(VENV)/.test ## The long tests: full oracle matrix, real browser
	$(BIN)/python -m pytest -m "browser or slow"

lint: $(VENV)/.lint ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pictures: $(VENV)/.core ## The pictures of README and docs, from out/
	@mkdir -p docs/pictures
	$(BIN)/datagen sheet $(OUT) --out docs/pictures/pairs.webp
	$(BIN)/python -m datagen.camera_sheet docs/pictures

benchmark: $(VENV)/.eval ## The small suites, asked of every shipped method, and their report; results in out/benchmark
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train]'
	$(BIN)/benchmark fetch-models
	$(BIN)/benchmark run --small --out $(OUT)/benchmark; status=$$?; $(BIN)/benchmark report $(OUT)/benchmark && exit $$status

REALISM ?= makehuman ict ict:painted valid valid:avatars
realism: $(VENV)/.eval ## Measure how real the people are; writes docs/realism.md and its pictures
	$(BIN)/python -m benchmark.realism --sources $(REALISM)

photo: $(VENV)/.eval ## Measure the photo tier against Cycles on a quiet machine; writes docs/photo.md and its sheets
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[photo,blender]'
	$(BIN)/python -m benchmark.photo

# Two sources of people: weights learn from one and are asked about both.
BASELINES ?= out/baselines
BASELINE_PAIRS := --recipe portrait --background black --size 256 --distances 4 --shard-pairs 100 --without-layers \
	near_normal far_normal near_uv far_uv near_depth_axis_m far_depth_axis_m near_inside_far far_inside_near
ONE := $(BASELINES)/makehuman-ict
OTHER := $(BASELINES)/valid
WORKERS ?= 2

$(ONE)/index.json: | $(VENV)/.train
	$(BIN)/datagen generate $(ONE) --heads makehuman ict:painted --pairs 6400 --seed 1 $(BASELINE_PAIRS) --workers $(WORKERS)

$(OTHER)/index.json: | $(VENV)/.train
	$(BIN)/datagen generate $(OTHER) --heads valid --pairs 4800 --seed 2 $(BASELINE_PAIRS) --workers $(WORKERS)

train-baselines: $(VENV)/.train $(ONE)/index.json $(OTHER)/index.json ## Train the networks on each of two sources of people (long)
	TRAINING=$(BIN)/training DATA=$(ONE) OUT=$(ONE)-weights WORKERS=$(WORKERS) examples/train_baselines.sh
	TRAINING=$(BIN)/training DATA=$(OTHER) OUT=$(OTHER)-weights WORKERS=$(WORKERS) examples/train_baselines.sh

TRIALS ?= one-held-out:$(ONE)-weights:$(ONE):test:$(ONE) one-on-other:$(ONE)-weights:$(OTHER):all:$(ONE) \
	other-held-out:$(OTHER)-weights:$(OTHER):test:$(OTHER) other-on-one:$(OTHER)-weights:$(ONE):all:$(OTHER)
baselines: $(VENV)/.train $(ONE)/index.json $(OTHER)/index.json ## Measure trained networks; writes docs/baselines.md and its pictures
	$(BIN)/python -m benchmark.baselines --trials $(TRIALS) --out $(BASELINES)/trials

# What needs more packages than a machine has says so and is skipped (2); what differs fails (1).
GPU_PYTHON := $(or $(wildcard $(BIN)/python),$(PYTHON))
gpu-check: ## Labels, colour, poses and streams on an NVIDIA GPU, against the CPU's and timed, from the source tree
	$(GPU_PYTHON) -m renderers.cuda.check
	$(GPU_PYTHON) -m renderers.cuda.check_people || [ $$? -eq 2 ]
	@$(GPU_PYTHON) -c "import datagen.device.maker" || { echo "gpu-check: streams skipped, a package is missing"; exit 0; }; \
	$(GPU_PYTHON) -m datagen.device.check || [ $$? -eq 2 ]

bench: $(VENV)/.core ## Pairs a second on this machine
	$(BIN)/datagen bench

clean: ## Remove the environment and caches (never your data)
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache build *.egg-info

.PHONY: help dataset test check lint pictures benchmark realism photo train-baselines baselines gpu-check bench clean
