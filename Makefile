# The two commands that a newcomer needs are `make demo` and `make test`; each does its own set-up.
# Python 3.11, Java 17, Maven and a C compiler are assumed; set-up says what is missing.

SHELL := /bin/bash
PYTHON ?= python3.11
ENGINES := .local/engines/bin/python
AIRFLOW := .local/airflow/bin/python
UV := .local/uv/bin/uv
TYPED := schemas udfs pipelines infra jobs
CODE := $(TYPED) dags tests
PYTEST := -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format test-unit test-spark test-dags test-integration bench bench-real bench-clone bench-throughput bench-million bench-tunnel bench-unseen bench-curve requirements clean distclean

help:  ## show this text
	@echo "Open AI item center. Needs Python 3.11, Java 17, Maven and a C compiler; everything else is set up below .local/."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Settings (environment):"
	@echo "  AIIC_TORCH_WHEEL   path or address of a CPU wheel of torch (of the version in infra/requirements/inference.in),"
	@echo "                     used in place of the CUDA build, which is 4 GB larger"
	@echo "  AIIC_SHARED_DATA   folder of the larger data sets that some tests and benchmarks use (default ../shared/data)"
	@echo "  AIIC_KAFKA_PORT, AIIC_DISCRIMINATOR_PORT, AIIC_ENCODER_PORT and every other key of infra/deploy/local.toml"
	@echo
	@echo "The command line is ./aiic; ./aiic --help lists its commands."

setup:  ## environments, jars and models below .local/; again and again it does only what changed
	@command -v $(PYTHON) >/dev/null || { echo "set-up cannot begin: $(PYTHON) is missing: install python3.11 and python3.11-venv" >&2; exit 1; }
	@$(PYTHON) -m infra.setup

demo: setup  ## the demo: raw listings through Airflow, Spark, Faiss and vLLM into a Hudi table
	@./aiic demo

# The tests of DAGs run where Airflow is installed, all others where the engines are. Both always run.
test: setup  ## all tests: DAGs first, then unit, Spark and integration
	@failed=0; \
	echo "== tests of DAGs (environment .local/airflow)"; $(AIRFLOW) $(PYTEST) tests/dags || failed=1; \
	echo "== all other tests (environment .local/engines)"; $(ENGINES) $(PYTEST) tests --ignore=tests/dags || failed=1; \
	if [ $$failed = 0 ]; then exit 0; else exit 1; fi

check: setup  ## lint, format and types
	$(ENGINES) -m ruff check $(CODE)
	$(ENGINES) -m ruff format --check $(CODE)
	$(ENGINES) -m mypy --strict $(TYPED)

format: setup  ## rewrite files as `make check` wants them
	$(ENGINES) -m ruff check --fix $(CODE)
	$(ENGINES) -m ruff format $(CODE)

test-unit: setup  ## tests without JVM or server
	$(ENGINES) $(PYTEST) tests/unit

test-spark: setup  ## tests on a local Spark
	$(ENGINES) $(PYTEST) tests/spark

test-dags: setup  ## tests of DAGs
	$(AIRFLOW) $(PYTEST) tests/dags

test-integration: setup  ## tests with real Kafka, vLLM and Hudi
	$(ENGINES) $(PYTEST) tests/integration

bench: setup  ## the figures of the offline tier, into build/bench/*.json
	@$(ENGINES) -m tests.benchmarks.offline

bench-real: setup  ## the whole job on real input by its DAG, twice (needs AIIC_SHARED_DATA)
	@./aiic up --only encoder,discriminator && $(ENGINES) -m tests.benchmarks.real_input

bench-clone: setup  ## make demo in a fresh clone with empty caches, twice
	@$(ENGINES) -m tests.benchmarks.fresh_clone

# PARTS="latency hudi" measures these alone; STUB=1 without vLLM, by a stand-in. `--help` of the module lists parts and settings.
bench-tunnel: setup  ## the figures of streams and services, into build/bench/tunnel.json
	@$(ENGINES) -m tests.benchmarks.tunnel $(PARTS) $(if $(STUB),--stub-model)

# STUB=1 without vLLM's servers: the encoder's vectors are real ones, made once of the texts that the run needs, the discriminator
# is a stub at a stated speed. The search is measured with vectors that are made of the same ones.
THROUGHPUT := build/bench/throughput
bench-throughput: setup  ## load reduction, cache reuse, asynchronous pipeline, cascade, search: each alone, then together
	@$(ENGINES) -m tests.benchmarks.throughput --texts $(THROUGHPUT)/texts.json $(BENCH_ARGS)
	@$(INFERENCE) -m jobs.train_encoder encode --name base --texts $(THROUGHPUT)/texts.json --out $(THROUGHPUT)
	@$(ENGINES) -m tests.benchmarks.throughput $(if $(STUB),--vectors $(THROUGHPUT)/vectors-base.npz) $(BENCH_ARGS)
	@$(ENGINES) -m tests.benchmarks.throughput_search --vectors $(THROUGHPUT)/vectors-base.npz $(SEARCH_ARGS)

# MILLION_ARGS="--items 100000 --steps plan merge": one size, some steps; what was measured is kept, so it can be run in parts.
bench-million: setup  ## planning, shards, index and merge of a million SKUs, all but the model; peak memory by size
	@$(ENGINES) -m tests.benchmarks.million $(MILLION_ARGS)

# What is compared learned by the same steps, with a scorer where $(SEEN) has one; UNSEEN=build/unseen-1 TURN=1 is another fifth.
SHARED := $(or $(AIIC_SHARED_DATA),../shared/data)
UNSEEN ?= build/unseen
UNSEEN_SETS ?= $(wildcard $(addprefix $(SHARED)/,wdc_pave oa_mine ae_110k)) infra/demo/catalog
SEEN ?= models
TURN ?= 0
DEVICE ?= cpu
THREADS ?= 2
EPOCHS ?= 8
KEY_EPOCHS ?= 3
AS_NEW ?= 0.3
BLIND_SETS = $(addprefix $(UNSEEN)/sets/,$(notdir $(UNSEEN_SETS)))
INFERENCE := .local/inference/bin/python
TRAIN_SCORER = $(INFERENCE) -m jobs.train_scorer train --out $(UNSEEN)/scorer --device $(DEVICE) --threads $(THREADS)

bench-unseen: setup  ## F1 lost on values, keys and categories that training never saw (trains anew: long)
	@rm -rf $(addprefix $(UNSEEN)/,sets scorer models out_of_fold.json out_of_fold_labels.json held_out.json) && ./aiic up --only encoder
	$(ENGINES) -m jobs.hold_out make $(UNSEEN_SETS) --out $(UNSEEN) --turn $(TURN)
	set -e; if [ -d $(SEEN)/scorer ]; then \
	  $(ENGINES) -m jobs.train_scorer data $(BLIND_SETS) --out $(UNSEEN)/scorer --as-new $(AS_NEW); \
	  for folds in "0 1" "2 3"; do \
	    $(TRAIN_SCORER) --epochs $(EPOCHS) --leave-out $$folds; $(TRAIN_SCORER) --epochs $(KEY_EPOCHS) --leave-out-keys $$folds; done; \
	  $(TRAIN_SCORER) --epochs $(EPOCHS); \
	  $(INFERENCE) -m jobs.train_scorer export --out $(UNSEEN)/scorer --release $(UNSEEN)/models/scorer; \
	fi
	$(ENGINES) -m jobs.train_ranker $(BLIND_SETS) --out $(UNSEEN)/models/ranker --threads $(THREADS) --as-new $(AS_NEW) \
	  --out-of-fold $(UNSEEN)/out_of_fold.json $(if $(wildcard $(SEEN)/scorer),--scores $(UNSEEN)/scorer --scorer $(UNSEEN)/models/scorer)
	$(ENGINES) -m jobs.fit_calibration $(BLIND_SETS) --ranker $(UNSEEN)/models/ranker --out $(UNSEEN)/models/calibration \
	  --out-of-fold $(UNSEEN)/out_of_fold.json --opinions $(UNSEEN)/none.json
	$(ENGINES) -m jobs.seal_models $(UNSEEN)/models --note "blind to turn $(TURN)"
	$(ENGINES) -m jobs.hold_out evaluate --held $(UNSEEN) --seen $(SEEN) --blind $(UNSEEN)/models \
	  --json build/bench/unseen$(if $(filter-out 0,$(TURN)),-$(TURN)).json

bench-curve: setup  ## F1 on held-out items by the number of labelled families learned from (trains the ranker four times)
	@./aiic up --only encoder && $(ENGINES) -m tests.benchmarks.learning_curve $(UNSEEN_SETS) --threads $(THREADS)

requirements: setup  ## compile infra/requirements/*.in into hashed .txt files (UPGRADE=1 takes newer versions)
	@for name in uv engines airflow inference train-ascend; do \
	  files=infra/requirements/$$name; override=; [ -f $$files.override.txt ] && override="--override $$files.override.txt"; \
	  echo "$$files.txt"; $(UV) pip compile --quiet $(if $(UPGRADE),--upgrade) --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-header --python-version 3.11 $$override $$files.in -o $$files.txt || exit 1; \
	done

clean:  ## end the local stack; remove reports and caches, keep environments
	@if [ -x $(ENGINES) ]; then ./aiic down; fi
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean  ## also remove .local with environments, jars and models
	rm -rf .local
