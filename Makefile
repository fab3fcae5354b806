# make            environment, then the workflow of params.yaml, then the path of the report
# README.md and docs/ have plain commands for all of this.

PYTHON ?= python3
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
STAMP  := $(VENV)/.installed
export PATH := $(BIN):$(PATH)

SEEDS ?= 1,2
MODELS ?= model5 model6 model8
SIZES ?= 0,0.01,0.02,0.05,0.1,0.2,0.4,0.8

.DEFAULT_GOAL := repro
.PHONY: repro quick bench sweep search table seeds axis ablate test lint pins help clean ready

##@ Workflow

# With JOBS, so many models at a time, each by a process of DVC.
OF_MODEL = for stage in train sample evaluate step_study likelihood; do \
    dvc --wait-for-lock repro --pull --single-item $$stage@{} || exit 1; done
REPRO = dvc repro --pull$(if $(JOBS), evaluate_real && dvc stage list --name-only | \
  sed -n "s/^train@//p" | xargs -P $(JOBS) -I{} sh -ec '$(OF_MODEL)' && dvc repro --pull)

repro: $(STAMP) ready  ## restore results, run what has changed (the default); JOBS=2 runs two models at a time
	@[ -e data/mnist_idx -a -e .dvc/cache ] || dvc repro download download_inception  # no remote has them
	@[ -e results/models ] || dvc pull --allow-missing || true  # all at once, not by stages
	$(REPRO)
	@echo "report: $(CURDIR)/report/report.html"

quick: JOBS ?= 2
quick: $(STAMP)  ## the complete workflow from scratch at the smallest budget, in scratch/quick
	hotcold copy-project scratch/quick --quick
	root=$$PWD; for there in "$$root/data/mnist_idx" "$$root/data/mnist" ''; do [ ! -e "$$there" ] || break; done; \
	  cd scratch/quick && MNIST_MIRROR="$${MNIST_MIRROR:-$$there}" && export MNIST_MIRROR && $(REPRO)
	@echo "report: $(CURDIR)/scratch/quick/report/report.html"

ready: $(STAMP)
	@[ -e .git ] || dvc config --local core.no_scm true  # a downloaded archive

##@ Experiments

SET_ERROR = error: SET has a part without "=": write each value without spaces, as in key=[8,8]
check_set = @$(foreach pair,$(SET),$(if $(findstring =,$(pair)),,echo '$(SET_ERROR)'; exit 1;)) :

sweep: $(STAMP) ready  ## run DVC experiments: SET="key=1,2 other=3,4" is a grid; JOBS=2 at a time
	@[ -n "$(SET)" ] || { echo 'error: SET is empty, must be like SET="models.model1.training.learning_rate=1e-4,1e-3"'; exit 1; }
	$(check_set)
	hotcold sweep $(foreach pair,$(SET),'$(pair)') --jobs $(or $(JOBS),1)
	@$(MAKE) --no-print-directory table

search: $(STAMP) ready  ## the best METRIC=model1.fid of TRIALS=20 experiments: SET="key=low:high other=a|b"
	@[ -n "$(METRIC)" ] && [ -n '$(SET)' ] || { echo 'error: METRIC or SET is empty, must be like METRIC=model1.fid SET="models.model1.training.learning_rate=log:1e-4:1e-2"'; exit 1; }
	$(check_set)
	hotcold search $(METRIC) $(foreach pair,$(SET),'$(pair)') --trials $(or $(TRIALS),20) $(addprefix --target ,$(TARGET))

table: $(STAMP)  ## the experiments with their differences and scores
	@hotcold table

seeds: $(STAMP) ready  ## train MODELS again with each of SEEDS=1,2, and compare the scores in the report
	hotcold vary $(MODELS) --seeds $(SEEDS)
	dvc repro figures report

axis: $(STAMP) ready  ## train model10 with each of SIZES of noise, and draw the axis between cold and hot
	hotcold vary model10 --noise $(SIZES)
	dvc repro figures report

ablate: $(STAMP) ready  ## model5 without one part of its recipe at a time; BUDGET="training.images=9600"
	hotcold vary model5 --ablate $(BUDGET)

##@ Development

test: $(STAMP)  ## the tests; they need neither MNIST nor the network
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

lint: $(STAMP)  ## ruff, as in pre-commit, types by mypy, and what may import what
	ruff check .
	ruff format --check .
	mypy
	lint-imports

bench: $(STAMP)  ## speed of training and sampling, against notebooks and diffusers
	hotcold bench speed

pins: $(STAMP)  ## the newest versions that pyproject.toml allows, with their hashes, in constraints.txt
	(printf 'pip\neditables\n'; sed -n 's/^requires = \["\(.*\)"\]/\1/p' pyproject.toml) \
	  | uv pip compile --quiet --universal --python-version 3.10 --all-extras --upgrade --generate-hashes \
	    --no-annotate --no-header --output-file constraints.txt pyproject.toml -

clean:  ## remove the environment, scratch and all interrupted work; results and DVC's cache stay
	rm -rf $(VENV) scratch

help:  ## this list
	@awk -F ':.*##' '/^##@/ {print "\n" substr($$0, 5)} /^[a-z]+:.*##/ {printf "  %-10s%s\n", $$1, $$2} \
	  /^#: / {print "  " substr($$0, 4)}' $(MAKEFILE_LIST)

##@ Variables, as in: make repro JOBS=2
#: PYTHON        of the environment that make builds (python3)
#: JOBS          models (repro: 1, quick: 2) or experiments (sweep: 1) at a time
#: SET           settings of sweep and search: "key=1,2 other=3,4", "key=low:high other=a|b"
#: METRIC        what search improves, such as model1.fid
#: TRIALS        how many experiments search makes (20)
#: TARGET        stages that search runs (the one that computes METRIC)
#: MODELS        that seeds trains again (model5 model6 model8)
#: SEEDS         of seeds (1,2)
#: SIZES         of the noise of axis (0,0.01,0.02,0.05,0.1,0.2,0.4,0.8)
#: BUDGET        settings of every run of ablate, such as "training.images=9600"
#: PYTEST        further options of pytest
#: DEVICE        cpu, cuda or mps (the best that is available)
#: TORCHRUN      options of torchrun, for several GPUs or machines, such as "--nproc-per-node=2"
#: COMPILE       0: no CUDA graphs and no torch.compile
#: MNIST_MIRROR  a folder or an address with the four files of MNIST

# The pinned pip is faster than those of older Pythons, and checks the hashes of constraints, but not
# of PyTorch, whose builds for CPU and CUDA have others; compileall uses all cores, pip only one.
$(STAMP): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 10) <= v < (3, 14) else \
	  "Python 3.10 to 3.13 is needed, $(PYTHON) is %d.%d: set PYTHON, as in make PYTHON=python3.11" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	@awk '/^pip==/, !/\\$$/' constraints.txt > $(VENV)/pip.txt
	python -m pip install --quiet --requirement $(VENV)/pip.txt
	python -m pip install --quiet --no-compile --no-deps $$(grep -oE '^torch(vision)?==[^ ]+' constraints.txt)
	python -m pip install --quiet --no-compile --requirement requirements.txt \
	  --build-constraint constraints.txt
	@python -m compileall -qq -j 0 $(VENV)/lib || true  # a file may need another Python
	@git config core.looseCompression 0 || true  # an experiment writes all results into git again
	@touch $(STAMP)
