# One obvious command for each thing. PYTHON chooses the interpreter; each minor version has its own environment.
PYTHON ?= python3
STAGE ?= dev
PORT ?= 3000
TEST_PROCESSES ?= 2
REGION ?= ap-south-1
MINOR := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv/$(MINOR)
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SAM_VENV := .venv-sam
SAM := $(SAM_VENV)/bin/sam
export PYTHONPATH := layers/studyspot:.
export PORT

.DEFAULT_GOAL := help
.PHONY: books reconciliation imports explorer leaving help run test test-browser check build deploy migrate health invoke story bench race contention kills months timing payment-kills restart openapi drawings client fuzz offline reset audit-chain full-house move provisioning

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(READY) ## the whole product on this machine, in the foreground (PORT=3000)
	@exec $(BIN)/python -m local.run

test: $(READY) ## every test but those of the browser and the slow proofs
	$(BIN)/python -m pytest -m "not browser and not slow" --numprocesses $(TEST_PROCESSES) --dist loadgroup

test-browser: $(READY) ## the sandbox page in headless Chromium
	$(BIN)/python -m pytest -m browser

check: $(READY) ## style, types, import rules, template, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy layers/studyspot/studyspot local
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml
	$(BIN)/python -m pytest tests/architecture tests/template

leaving: $(READY) ## a tenant out, in again and gone: every isolation, killed at every step
	PYTHONPATH=layers/studyspot:. $(BIN)/python -m pytest tests/leaving

build: $(SAM) ## what will be deployed, into .aws-sam/ (needs python3.13 on the PATH)
	$(SAM) build

DATABASE_CA := layers/dependencies/database-ca.pem
$(DATABASE_CA):
	curl --fail --silent --show-error --output $@ https://truststore.pki.rds.amazonaws.com/$(REGION)/$(REGION)-bundle.pem

deploy: $(DATABASE_CA) build ## build, migrate, deploy, check (STAGE=dev|staging|production, PARAMETERS="DbHost=... ...")
	$(BIN)/python -m local.deployed ahead --stage $(STAGE) --region $(REGION)
	$(SAM) deploy --config-env $(STAGE) $(if $(PARAMETERS),--parameter-overrides Stage=$(STAGE) $(PARAMETERS))
	$(MAKE) migrate
	$(BIN)/python -m local.deployed health --stage $(STAGE) --region $(REGION)

migrate: $(READY) ## bring the deployed databases up to date (STAGE)
	$(BIN)/python -m local.deployed migrate --stage $(STAGE) --region $(REGION)

health: $(READY) ## five phases: connectivity, routing, authentication, databases, summary (BASE_URL; needs make run)
	$(BIN)/python -m local.health

invoke: $(READY) ## one function with one event, without Docker (F=BookingsApi E=events/http-health.json); needs make run
	$(BIN)/python -m local.invoke $(F) $(E)

story: $(READY) ## the first day of a library, request by request (needs make run)
	$(BIN)/python -m local.story

imports: $(READY) ## students of CSV and XLSX: rows a second, memory, and a validated import over a bare COPY
	$(BIN)/python -m bench.imports

bench: $(READY) ## the budgets of the product, as ratios (row 11 also looks at what make build made)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement bench/requirements.txt
	$(BIN)/python -m bench

race: $(READY) ## slow proof: 500 clients on 20 seats, and what the guard costs
	$(BIN)/python -m pytest tests/bookings/test_race.py -m slow -s

contention: $(READY) ## slow proof: 500 clients on 20 seats over HTTP, then every claim is counted
	$(BIN)/python -m local.proofs.contention

kills: $(READY) ## slow proof: processes, AWS and the database die while people pay; then the books are read
	$(BIN)/python -m local.proofs.kills

provisioning: $(READY) ## slow proof: 100 tenants are set up side by side, an execution of each dies; the sweep finds nothing
	$(BIN)/python -m pytest tests/tenants/test_crowd.py -m slow

move: $(READY) ## slow proof: a tenant of 100,000 rows moves both ways under four writers; the pause is printed
	$(BIN)/python -m pytest tests/moves/test_under_writers.py -m slow

months: $(READY) ## slow proof: three months by the clock, with a week nobody looked
	$(BIN)/python -m local.proofs.months

offline: $(READY) ## slow proof: scans in any order and everything at random, new each time (SEEDS=150, SEED=n again)
	$(BIN)/python -m pytest tests/attendance/test_offline.py tests/attendance/test_mixture.py -m slow -s

timing: $(READY) ## slow proof: answers to known and unknown accounts take the same time, at the cost of a real stage
	$(BIN)/python -m pytest tests/identity/test_even_time.py -m slow -s

restart: $(READY) ## slow proof: the product is ended by Ctrl-C and started again on what it left
	$(BIN)/python -m pytest tests/hostile/test_run.py -m slow

payment-kills: $(READY) ## slow proof: death at every statement of create, verify, webhook, settlement, poll, refund, failover, debits and imported payouts
	$(BIN)/python -m pytest tests/fulfilment/test_kills.py tests/mandates/test_kills.py tests/settlements/test_import_kills.py -m slow -s

explorer: $(READY) ## slow proof: every order of a payment's events, and of two processes' statements (PREEMPTIONS=1); counts are printed
	$(BIN)/python -m pytest tests/model -m slow -s

reconciliation: $(READY) ## slow proof: 2,000 payments and refunds of four gateways with 50 planted differences: each is found, none invented
	$(BIN)/python -m pytest tests/settlements/test_reconciliation.py -m slow -s

books: $(READY) ## every organisation's books, or TENANT=<id>'s: zero-sum, and all that moved money posted exactly once
	$(BIN)/python -m local.books $(TENANT)

full-house: $(READY) ## slow proof: plan and availability of 10 libraries, 2,000 seats, booked for 60 days; milliseconds are printed
	$(BIN)/python -m pytest tests/spaces/test_full_house.py -m slow -s

audit-chain: $(READY) ## slow proof: sealers die among writers; 100,000 rows are verified in seconds
	$(BIN)/python -m pytest tests/audit/test_crowd.py -m slow -s

invoice: $(READY) ## one invoice as its page, into docs/invoice.pdf
	$(BIN)/python -m local.invoice_page

openapi: $(READY) ## write the API's description and error catalogue from the handlers
	$(BIN)/python -m local.openapi_file

drawings: $(READY) ## draw the pictures of docs/ anew
	$(BIN)/python -m local.drawings

client: $(READY) ## a typed Python client from the API's description, into dist/client
	$(BIN)/python -m local.client

fuzz: $(READY) ## slow proof: every operation of /openapi.json with generated requests, over HTTP
	$(BIN)/python -m local.proofs.fuzz

.PHONY: vectors hostile-webhooks settler routing-oracle
VECTORS_VENV := .venv-vectors
vectors: $(VECTORS_VENV)/.ready ## slow proof: every published signature, and its corruptions, before us and the vendors' own libraries
	$(VECTORS_VENV)/bin/python -m local.proofs.vectors

$(VECTORS_VENV)/.ready: requirements-vectors.txt
	$(PYTHON) -m venv $(VECTORS_VENV)
	$(VECTORS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-vectors.txt
	@touch $@

hostile-webhooks: $(READY) ## slow proof: bodies, amounts, signatures and orders as strangers and thieves send them, over HTTP
	$(BIN)/python -m local.proofs.hostile_webhooks

settler: $(READY) ## slow proof: webhooks are answered with 10,000 waiting, and the settler clears them; rates are printed
	$(BIN)/python -m pytest tests/webhooks/test_settler.py -m slow -s

routing-oracle: $(READY) ## slow proof: 100,000 payments at random, each decided a second time by brute force (PAYMENTS, SEED)
	$(BIN)/python -m local.proofs.routing_oracle $(or $(PAYMENTS),100000) $(or $(SEED),1)

reset: $(READY) ## forget the local stage's data
	$(BIN)/python -m local.run --reset

$(READY): requirements-dev.txt layers/dependencies/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

$(SAM): requirements-sam.txt
	$(PYTHON) -m venv $(SAM_VENV)
	$(SAM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-sam.txt
	@touch $@
