# One entry for people and CI. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
export PYTHONPATH := operator:runtime:.
# Most tests on a cluster wait for pods; what needs the cluster for itself is marked `alone`.
WORKERS := --numprocesses=3 --dist=worksteal

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.done: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; $$($(PYTHON) -V) was found. Set PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv .venv \
	  || { echo "Python's venv module is missing: install python3-venv."; exit 1; }
	@$(BIN)/pip install --quiet uv==0.13.9
	@$(BIN)/uv pip install --quiet --require-hashes --requirement requirements/dev.txt
	@touch $@

.PHONY: check
check: .venv/.done ## lint, types, layers, unit and golden tests (no cluster, no torch)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --ignore=tests/integration

.PHONY: test
test: check ## all that CI runs before the demo: check, and tests against a real kube-apiserver
	$(BIN)/pytest tests/integration

.PHONY: generate
generate: .venv/.done ## write CRDs, chart copies and the reference docs from the API's types
	$(PY) -m modelservice_operator.generate

.PHONY: requirements
requirements: .venv/.done ## resolve and pin the dependencies anew, with hashes
	$(PY) -m e2e.images pins

.PHONY: cluster
cluster: .venv/.done ## boot the embedded Kubernetes cluster (nothing is built where KUBECONFIG is set)
	@$(PY) -m e2e.cluster up

.PHONY: cluster-down
cluster-down: .venv/.done ## remove the embedded cluster and all that it left, but the tools cache
	@$(PY) -m e2e.cluster down

.PHONY: kubeconfig
kubeconfig: .venv/.done ## print the path of the cluster's kubeconfig
	@$(PY) -m e2e.cluster kubeconfig

.PHONY: images
images: cluster ## build the images and hand them to the cluster
	@$(PY) -m e2e.images

.PHONY: demo
demo: .venv/.done ## the whole path on a fresh machine: cluster, images, chart, training, predictions
	@$(PY) -m e2e.demo

.PHONY: e2e
e2e: images ## end-to-end tests on the cluster: real Triton, real training, faults
	$(BIN)/pytest e2e/suite --durations=10 -m "not slow" $(WORKERS)
	$(BIN)/pytest e2e/suite --durations=10 -m slow

.PHONY: e2e-short
e2e-short: images ## the part of e2e that CI runs
	$(BIN)/pytest e2e/suite --durations=10 -m "not slow" $(WORKERS) $(ARGS)

.PHONY: availability
availability: .venv/.done ## the leader killed, paused, cut off; upgrades; nodes that go away (no root)
	$(BIN)/pytest e2e/availability --durations=10 $(WORKERS) $(ARGS)

.PHONY: test-trainer
test-trainer: .venv/.done ## tests of the code that needs torch, inside the trainer image
	@$(PY) -m e2e.images test-trainer

.PHONY: test-converter
test-converter: .venv/.done ## tests of the code that needs TensorFlow, inside the converter image
	@$(PY) -m e2e.images test-converter

.PHONY: bench
bench: .venv/.done ## the budgets, measured: about an hour on an idle machine; QUICK=1 for a try
	$(PY) -m e2e.bench $(if $(QUICK),--quick)

.PHONY: faults
faults: .venv/.done ## every fault plan and every mutant (hours; goes on if interrupted); PLAN=<id>, MINUTES=<n>
ifdef PLAN
	$(PY) -m e2e.faults --plan $(PLAN)
else
	$(PY) -m e2e.faults --all --mutants $(if $(MINUTES),--minutes $(MINUTES)) || failed=1; \
	  $(PY) -m e2e.faults --real && exit $${failed:-0}
endif

.PHONY: faults-short
faults-short: .venv/.done ## the fault plans that CI runs, and every mutant
	$(PY) -m e2e.faults --subset --mutants --again

.PHONY: security
security: .venv/.done ## Pod Security, rights, canaries, injection and scanners, against budgets of 0
	$(PY) -m e2e.security
