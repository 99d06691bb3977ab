PYTHON ?= python3
CORES ?= 2
BIN := .venv/bin

.PHONY: demo hooks test pytest test-fast slurm-test browser-test chromium lint docs gallery example-pretrained bench clean
.DEFAULT_GOAL := demo

# One environment for everything; envs/lock.txt pins every package that may come into it. What is imported is compiled
# then, and kept, whatever this shell says: compiling all that lies in it takes a minute, torch in every process 10 s.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/pip install --quiet --no-compile --disable-pip-version-check --constraint envs/lock.txt --editable
.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Strata needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv --upgrade-deps .venv  # a new pip finds out what to install in half the time

.venv/installed: .venv/bin/python pyproject.toml envs/lock.txt
	$(PIP) .
	touch $@

.venv/installed-docs: .venv/bin/python pyproject.toml envs/lock.txt
	$(PIP) '.[docs]'
	touch .venv/installed $@

.venv/installed-test: .venv/bin/python pyproject.toml envs/lock.txt
	$(PIP) '.[test,docs]'
	touch .venv/installed .venv/installed-docs $@

.venv/roc-validator/installed: envs/roc-validator.txt
	$(PYTHON) -m venv .venv/roc-validator  # it excludes packages of ours
	.venv/roc-validator/bin/pip install --quiet --no-compile --disable-pip-version-check --requirement $<
	touch $@

demo: .venv/installed
	$(BIN)/snakemake --cores $(CORES)
	@echo
	@cat results/digits/findings.md
	@echo "Open results/digits/index.html (the four answers) and results/digits/explorer.html (every feature)."

# Before every commit (.pre-commit-config.yaml).
hooks: .venv/installed-test
	$(BIN)/pre-commit install

# Tests run side by side, those of a file together; threads that wait for work then must not burn each other's cores.
BESIDE := --numprocesses $(CORES) --dist loadfile --no-loadscope-reorder
PYTEST := GOMP_SPINCOUNT=0 $(BIN)/pytest $(BESIDE)

# Between edits: under two minutes.
test-fast: lint
	$(PYTEST) -m "not slow" tests/unit

test: lint pytest

pytest: .venv/installed-test .venv/roc-validator/installed
	GOMP_SPINCOUNT=0 $(BIN)/python -P -m slipcover --json --out .coverage.json -m pytest $(BESIDE) \
		-m "not slurm and not demo and not browser"
	$(BIN)/python -m slipcover --merge .coverage.json --out .coverage.json --fail-under 90

# On a cluster of the tests' own (tests/slurm/cluster.sh start); anywhere else they are skipped, and say why.
slurm-test: .venv/installed-test
	$(BIN)/pytest $(BESIDE) --numprocesses 2 -m slurm -rs tests/slurm  # jobs wait more than they compute

# The pages that a run writes, as a person uses them: in Debian's Chromium.
browser-test: .venv/installed-test chromium
	$(PYTEST) -m browser tests/browser

chromium:
	command -v chromium >/dev/null || { apt-get update --quiet && apt-get install --quiet --yes chromium fonts-dejavu-core; }

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules workflow/report/Snakefile
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/biome ci strata/page
	$(BIN)/python -m strata.config.generate --check

# The site: warnings are errors, every link within it is followed. It shows the demo's run, where that is finished.
docs: .venv/installed-docs
	GOMP_SPINCOUNT=0 $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	$(BIN)/python docs/links.py docs/_build/html
	@echo "Open docs/_build/html/index.html"

# The pictures of the README, from the committed configurations.
gallery: .venv/installed
	$(BIN)/snakemake --cores $(CORES)
	$(BIN)/snakemake --cores $(CORES) --configfile config/shapes.yaml
	cp $(addprefix results/digits/figures/,q1_spectrum.png q1_meta_features.png q2_emergence.png q4_importance.png q4_support.png nulls.png confounds.png) docs/
	cp $(addprefix results/shapes/figures/,ground_truth.png calibration.png) docs/

# A network that has seen ImageNet, studied on photographs: published weights, no training.
example-pretrained: .venv/installed
	$(PIP) '.[example]'
	$(BIN)/python examples/pretrained/prepare.py data/pretrained
	$(BIN)/snakemake --cores $(CORES) --configfile examples/pretrained/config.yaml
	@cat results/pretrained/findings.md

# The peers that Strata is measured beside are no dependencies of it.
bench: .venv/installed
	$(PIP) '.[bench]'
	$(BIN)/python benchmarks/rates.py
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv results .snakemake
