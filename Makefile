# What developers and CI run. The README names `demo` and `test`; the rest is here for whoever looks.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2
CARGO_LAMBDA_VERSION := 1.9.2
CARGO_MUTANTS_VERSION := 27.1.0
OHA_VERSION := 1.16.0
SAM_VERSION := 1.170.0
SCHEMATHESIS_VERSION := 4.32.5

TOOLS := $(CURDIR)/.tools
CARGO_DENY := $(TOOLS)/bin/cargo-deny
CARGO_LAMBDA := $(TOOLS)/venv/bin/cargo-lambda
CARGO_MUTANTS := $(TOOLS)/bin/cargo-mutants
OHA := $(TOOLS)/bin/oha
# Its own environment: it pins what it needs to the patch. The runtime interface emulator comes with it.
SAM := $(TOOLS)/sam/bin/sam
SCHEMATHESIS := $(TOOLS)/venv/bin/schemathesis
FUNCTIONS := $(notdir $(wildcard functions/*))
# Tests that need no server and no process: those of the shared crates and the functions.
QUICK_FOLDERS := shared/event-schema shared/msk-event shared/processing shared/testkit functions/*
QUICK_TESTS := $(sort $(basename $(notdir $(wildcard $(QUICK_FOLDERS:%=%/tests/*.rs)))))
QUICK_TESTS += $(notdir $(patsubst %/main.rs,%,$(wildcard $(QUICK_FOLDERS:%=%/tests/*/main.rs))))

# Each crate of `shared` with its fuzz target.
FUZZ_TARGETS := msk-event/msk_event event-schema/envelope aws-adapters/dead_letter processing/redrive
# What mutation testing looks at: a configuration each.
MUTATED := mutants mutants-msk-event

export CARGO_LAMBDA
export SCHEMATHESIS

.PHONY: help demo test test-real check format lint deny unit prove kill fuzz mutants bench load documents

# What the tests against real servers need.
REAL_NEEDS := java javac keytool mvn
# The crates whose real-server tests and features are left out of an everyday build.
REAL_FEATURES := kafka/msk-iam

help: ## Says what there is to run.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

demo: ## Runs the main job on this machine: Kafka, functions, DynamoDB and SQS, and checks the books.
	cargo build --locked -p tailrace $(FUNCTIONS:%=-p %)
	./target/debug/tailrace demo

test: check $(CARGO_LAMBDA) $(SCHEMATHESIS) ## Runs every test, installing what it needs below .tools and target.
	cargo test --locked --workspace
	@$(MAKE) --no-print-directory test-real

# One call for the whole workspace here too: only what the feature changes is built a second time, beside the first.
test-real: ## Runs the tests against real servers; they need Java 17, Maven and OpenSSL.
	@missing=""; \
	for program in $(REAL_NEEDS); do command -v $$program > /dev/null || missing="$$missing $$program"; done; \
	pkg-config --exists openssl || missing="$$missing OpenSSL's headers (libssl-dev)"; \
	if [ -z "$$missing" ]; then \
	  cargo test --locked --workspace --features $(REAL_FEATURES) --test real; \
	elif [ "$${CI:-}" = true ]; then \
	  echo "The tests against real servers cannot run: this machine lacks$$missing."; exit 1; \
	else \
	  echo "The tests against real servers (test-real: Kafka clients over IAM and TLS, killed brokers) were not run: this machine lacks$$missing."; \
	fi

check: format lint deny unit ## The everyday check: format, lint, licences, unit, property and fault tests.

format:
	cargo fmt --all --check

lint:
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --quiet --workspace --no-deps

deny: $(CARGO_DENY)
	$(CARGO_DENY) --all-features check --hide-inclusion-graph licenses bans sources

# One call for the whole workspace: its parts alone would be built anew with other features.
unit:
	cargo test --locked --workspace --lib --bins $(QUICK_TESTS:%=--test %)

prove: ## Runs 100,000 schedules of the simulation, and the properties with many cases; SEED=n repeats one schedule.
	@if [ -n "$${SEED:-}" ]; then \
	  cargo test --locked --profile ci -p processing --test simulation -- --nocapture no_schedule; \
	else \
	  SEEDS=$${SEEDS:-100000} cargo test --locked --profile ci -p processing --test simulation -- --nocapture && \
	  PROPTEST_CASES=20000 cargo test --locked --profile ci -p event-schema -p msk-event -p processing --lib --test properties; \
	fi

fuzz: ## Runs the fuzz targets, FUZZ_SECONDS each (nightly Rust and cargo-fuzz).
	@if ! rustup toolchain list | grep -q nightly; then \
	  echo 'The fuzz targets were not run: they need nightly Rust (rustup toolchain install nightly).'; \
	elif ! command -v cargo-fuzz > /dev/null; then \
	  echo 'The fuzz targets were not run: they need cargo-fuzz (cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked).'; \
	else \
	  for target in $(FUZZ_TARGETS); do \
	    (cd shared/$${target%/*} && name=$${target#*/} && mkdir -p fuzz/corpus/$$name && \
	      cargo +nightly fuzz run $$name fuzz/corpus/$$name fuzz/seeds/$$name -- -max_total_time=$${FUZZ_SECONDS:-60} \
	        -timeout=10 -rss_limit_mb=2048 -max_len=8192 $$(ls fuzz/$$name.dict 2> /dev/null | sed 's/^/-dict=/')); \
	  done; \
	fi

# Its answer 2 says that mutants survived, and 3 that some ran out of time: then the list is held against the document.
mutants: $(CARGO_MUTANTS) ## Changes the engine place by place; names what no test notices and docs/mutants.md does not explain (1 to 2 hours).
	@for config in $(MUTATED); do \
	  mkdir -p target/$$config; \
	  PROPTEST_CASES=32 $(CARGO_MUTANTS) mutants --config .cargo/$$config.toml --jobs $${MUTANTS_JOBS:-2} \
	    --output target/$$config >&2 || case $$? in 2|3) ;; *) exit 1;; esac; \
	  sed -E 's/^([^:]+):[0-9]+:[0-9]+:/\1:/' target/$$config/mutants.out/missed.txt; \
	done | sort -u > target/survivors.txt
	@if grep -vxFf <(sed -n 's/^| `\(shared.*\)` |.*/\1/p' docs/mutants.md | sed 's/\\|/|/g') target/survivors.txt; then \
	  echo 'These mutants survived, and docs/mutants.md does not explain them.'; exit 1; \
	fi

bench: ## Counts the calls of the engine and compares them with record-by-record processing.
	cargo run --locked --release -p benches

load: $(OHA) ## Sends orders over HTTP at a fixed rate, prints percentiles, fails on any error (RATE=250 REQUESTS=7500).
	cargo build --locked --profile ci -p tailrace $(FUNCTIONS:%=-p %)
	python3 benches/load.py target/ci

documents: ## Writes the documents that are made from the code: catalogue, AsyncAPI, schemas, samples.
	UPDATE_GOLDEN=1 cargo test --locked -p event-schema --test generated
	UPDATE_GOLDEN=1 cargo test --locked -p orders-api --test openapi
	UPDATE_GOLDEN=1 cargo test --locked -p system-tests --test samples

$(CARGO_DENY):
	cargo install cargo-deny --locked --version $(CARGO_DENY_VERSION) --root $(TOOLS)

$(CARGO_MUTANTS):
	cargo install cargo-mutants --locked --version $(CARGO_MUTANTS_VERSION) --root $(TOOLS)

$(CARGO_LAMBDA):
	python3 -m venv $(TOOLS)/venv
	$(TOOLS)/venv/bin/pip install --quiet cargo-lambda==$(CARGO_LAMBDA_VERSION)

$(OHA):
	cargo install oha --locked --version $(OHA_VERSION) --root $(TOOLS)

$(SAM):
	python3 -m venv $(TOOLS)/sam
	$(TOOLS)/sam/bin/pip install --quiet aws-sam-cli==$(SAM_VERSION)

$(SCHEMATHESIS):
	python3 -m venv $(TOOLS)/venv
	$(TOOLS)/venv/bin/pip install --quiet schemathesis==$(SCHEMATHESIS_VERSION)
