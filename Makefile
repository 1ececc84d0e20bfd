# make demo   the whole road on generated leaves: tables and figures in results/demo
# make check  lint, format and what is not slow: before each commit
# make test   lint, format and all tests, with their coverage
# All make .venv first, from the pinned requirements, when it is missing or out of date.

PYTHON ?= python3
UV_VERSION := 0.13.8
CORES ?= $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || sysctl -n hw.ncpu)
GPUS ?= $(shell nvidia-smi -L 2>/dev/null | grep -c '^GPU')
ENVIRONMENT := .venv/.requirements-installed
PYTHON_FILES := workflow/scripts tests bench
SNAKE_FILES := Snakefile workflow/Snakefile workflow/rules

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export OMP_NUM_THREADS := 1
unexport PYTHONDONTWRITEBYTECODE # else each of the scripts that tests start compiles the package again

.DEFAULT_GOAL := demo
.PHONY: demo report check test lint config-readme lock clean

demo: $(ENVIRONMENT)
	snakemake --cores $(CORES) --resources gpu=$(GPUS)
	@sed '/^[!*]/d' results/demo/answer.md | cat -s # its pictures and their captions are for another reader
	@echo "With pictures: results/demo/answer.html   Tables: results/demo/tables/*.md   Figures: results/demo/figures/*.png"

report: demo
	snakemake --cores 1 --report report.zip

check: lint
	pytest -n $(CORES) --dist worksteal -m "not slow"

# One process more than there are cores: some tests wait for others, or for a cluster.
test: lint
	pytest -n $$(($(CORES) + 1)) --dist worksteal --cov --cov-report=term:skip-covered --durations=10

lint: $(ENVIRONMENT)
	ruff check $(PYTHON_FILES)
	ruff format --check $(PYTHON_FILES)
	snakefmt --check $(SNAKE_FILES)
	snakemake --lint

$(ENVIRONMENT): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "maskguide needs Python 3.11 or newer: make PYTHON=python3.11")'
	@! test -L .venv || { echo "error: .venv is a link: to make it anew would empty the folder that it names; remove the link first" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	.venv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	.venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes --python .venv/bin/python requirements.txt
	@touch $@

# After an edit of the config's schema, or of a method's options.
config-readme: $(ENVIRONMENT)
	PYTHONPATH=workflow/scripts python -m maskguide.plan.readme > config/README.md.new
	mv config/README.md.new config/README.md

# After an edit of the dependencies in pyproject.toml.
lock: $(ENVIRONMENT)
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv==$(UV_VERSION)
	.venv/lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --group dev pyproject.toml --quiet --output-file requirements.txt

clean:
	rm -rf results/demo results/smoke
