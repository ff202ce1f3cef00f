# Everything runs with $(PYTHON), so use it inside a virtual environment: python3 -m venv .venv && . .venv/bin/activate
PYTHON ?= python3
SEED ?= 0
FILES ?= 20000
SECONDS ?= 3600
EDITABLE = $(PYTHON) -m pip install --no-build-isolation -e '.[dev]'
RULES = tests/house/test_layering.py tests/house/test_source_rules.py tests/facade/test_stub.py
CODE = setup.py src tests $(wildcard benchmarks examples tools)

# what the figures of docs/performance.md are made of; small values try the commands
RESULTS ?= benchmarks/results
PAGE ?= docs/performance.md
ROUNDS ?= 9
SIZES ?= 1GiB,16GiB
SPAN ?= 64MiB,256MiB,4GiB,64GiB
SPANNED = free_random,free_half,alloc_merged,alloc_fragmented,mixed
PICTURES ?= --pictures
PEERS = $(PYTHON) benchmarks/peers.py --repetitions $(ROUNDS)

.PHONY: build test bench figures lint docs debug stress annotate clean

build:
	$(PYTHON) -m pip install 'setuptools>=77.0.3' 'cython>=3.1,<4'
	$(EDITABLE)

test:
	$(PYTHON) -m pytest

bench:
	$(PYTHON) -m pytest benchmarks --benchmark-only

figures:
	mkdir -p $(RESULTS) && rm -f $(RESULTS)/*.jsonl
	$(PEERS) --sizes $(SIZES) --json $(RESULTS)/races.jsonl
	$(PEERS) --sizes $(SPAN) --contenders 'buddycap run,buddycap bulk' --workloads $(SPANNED) --json $(RESULTS)/races.jsonl
	$(PEERS) --sizes $(SIZES) --kernel 6.1 --json $(RESULTS)/races_6_1.jsonl
	$(PYTHON) -m pytest benchmarks --benchmark-only --lines $(RESULTS)/bench.jsonl $(BENCH)
	$(PYTHON) benchmarks/report.py $(RESULTS)/*.jsonl --output $(PAGE) $(PICTURES)

lint:
	$(PYTHON) -m ruff check $(CODE)
	$(PYTHON) -m ruff format --check $(CODE)
	PATH="$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("scripts"))'):$$PATH" cython-lint src
	$(PYTHON) -m mypy src/buddycap
	$(PYTHON) -m pytest -q $(RULES)

docs:
	$(PYTHON) -m mkdocs build --strict --quiet
	@echo build/site/index.html

debug:
	BUDDYCAP_DEBUG=1 $(EDITABLE)

stress:
	$(PYTHON) -m pytest -m stress
	HYPOTHESIS_PROFILE=soak $(PYTHON) -m pytest tests/core/test_stateful.py tests/core/test_stateful_compaction.py --hypothesis-seed=$(SEED)
	$(PYTHON) tests/fuzzfiles.py --count $(FILES) --seed $(SEED)
	BUDDYCAP_STRESS_SECONDS=$(SECONDS) BUDDYCAP_STRESS_SEED=$(SEED) $(PYTHON) -X faulthandler -m pytest -n 0 -s tests/facade/test_threads.py

annotate:
	BUDDYCAP_ANNOTATE=1 $(PYTHON) setup.py -q build_ext
	@ls build/annotate/cython/src/buddycap/*.html

clean:
	rm -rf build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find src -name '*.so' -delete -o -name '*.a' -delete
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
