# make demo: installs into .venv and runs the main job on examples/.   make test: installs and runs the tests.
# make test-engines: the same bytes on Flink and Spark, which it installs (Java 17 and Maven are there; tests/engines/install.sh).
# make bench: measures against other tools, each in an environment of its own (benchmarks/README.md).
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
# Clusters and job servers; several checkouts may share a folder.
export WEB2SHARDS_ENGINES ?= $(CURDIR)/build/engines
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# setuptools warns at length of the compat mode, the one in which other tools see the packages.
EDITABLE = PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation --editable . --config-settings editable_mode=compat

PEERS := benchmarks/.data/venv
# The peers that the steps named need.
BENCH_PEERS = $(if $(BENCH),$(sort $(if $(filter peers dev all minhash filters quality pii paragraphs,$(BENCH)),datatrove) \
	$(if $(filter minhash,$(BENCH)),minhash) $(if $(filter filters pii,$(BENCH)),datajuicer) \
	$(if $(filter fetching,$(BENCH)),img2dataset)),datatrove minhash datajuicer img2dataset)

.PHONY: demo test test-engines test-loaders test-storage engines check bench bench-engines lock clean

demo: $(VENV)/base.done
	$(BIN)/web2shards run recipes/demo.yaml --out out/demo

test: $(VENV)/dev.done
	$(BIN)/python -m pytest $(ARGS)

# All engines, or those named: make test-engines ARGS="-k spark-local".
test-engines: $(VENV)/dev.done engines
	$(BIN)/python -m pytest tests/engines -m engines $(ARGS)

# ENGINES="flink-jar spark-jar" is enough for both in one process of their own; clusters take flink and spark too.
engines: | $(VENV)/bin/python
	PYTHON=$(abspath $(BIN))/python tests/engines/install.sh $(ENGINES)

# With an object store: an S3 server on loopback, which is built once (needs Go 1.25 or later; WEB2SHARDS_VERSITYGW names another).
test-storage: $(VENV)/dev.done $(if $(WEB2SHARDS_VERSITYGW),,tests/storage/.bin/versitygw)
	$(BIN)/python -m pytest tests/storage $(ARGS)

tests/storage/.bin/versitygw:
	@echo "building versitygw, the S3 server of the tests (two minutes, once)"
	GOBIN=$(abspath tests/storage/.bin) go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# Image–text shards in open_clip and clip-retrieval, which it installs with torch (6 GB, once).
test-loaders: $(VENV)/dev.done
	PYTHON=$(abspath $(BIN))/python tests/sharding/loaders/install.sh
	$(BIN)/python -m pytest tests/sharding/loaders $(ARGS)

# Lint and types.
check: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

# All steps, or those named: make bench BENCH="minhash filters".
bench: $(VENV)/base.done $(BENCH_PEERS:%=$(PEERS)/%.done)
	$(BIN)/python benchmarks/bench.py $(BENCH)

# Flink and Spark against DirectRunner; on an idle machine.
bench-engines: $(VENV)/base.done engines
	$(BIN)/python benchmarks/engines.py

$(PEERS)/%.done: benchmarks/peers/%.lock | $(VENV)/bin/python
	@echo "installing $* into $(PEERS)/$* (once)"
	@rm -rf $(PEERS)/$*
	@$(BIN)/python -m venv $(PEERS)/$*
	@$(PEERS)/$*/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps -r $<
	@touch $@

lock: $(VENV)/dev.done
	PATH="$(abspath $(BIN)):$$PATH" requirements/compile.sh

clean:
	rm -rf $(VENV) out build *.egg-info benchmarks/.data

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "web2shards needs Python 3.11, 3.12 or 3.13 on PATH"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The locks are complete, so nothing is resolved: --no-deps keeps out what would shadow fasttext-community.
$(VENV)/base.done: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV) (a minute or two, once)"
	$(PIP) install --require-hashes --no-deps -r requirements.lock
	$(EDITABLE)
	@touch $@

$(VENV)/dev.done: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing the tests' packages into $(VENV) (some minutes, once)"
	$(PIP) install --require-hashes --no-deps -r requirements-dev.lock
	$(EDITABLE)
	@touch $@ $(VENV)/base.done
