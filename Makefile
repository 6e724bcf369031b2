.DEFAULT_GOAL := help
.NOTPARALLEL: # go uses every core by itself, and two installations at once would get in each other's way
.PHONY: help run test check gen docs build bench prove prove-model prove-mutants screenshots setup clean

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo unreleased)

help: ## print every target with its one line
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the service, with a PostgreSQL of its own unless LATCHKEY_DATABASE_URL names another
	@[ -n "$$LATCHKEY_DATABASE_URL" ] || scripts/need-postgres
	@$(MAKE) --no-print-directory build
	@bin/latchkey serve

test: ## run every test of every module, with the race detector
	@scripts/need-postgres
	@scripts/need-gcc
	@scripts/need-gateways
	@scripts/need-node
	@scripts/need-chromium
	@scripts/need-shells
	@scripts/test

check: ## lint the code and the contract, and see that nothing generated is stale
	@scripts/need-postgres
	@scripts/need-node
	@scripts/check

gen: ## write the generated code, db/schema.sql, the built console and the built documentation anew
	@scripts/need-postgres
	@scripts/need-node
	@scripts/gen

docs: ## build the documentation, which the service shows at /docs/
	@scripts/need-node
	@scripts/npm-ci docs/site && npm run --prefix docs/site --silent build
	@echo "The pages are in internal/docs/dist/: open its index.html."

build: ## build bin/latchkey, a static program
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o bin/latchkey ./cmd/latchkey

bench: ## measure the service side by side with pgbench and a bare router
	@scripts/need-postgres
	@scripts/need-wrk
	@scripts/need-node
	@scripts/npm-ci sdk/typescript && npm run --silent --prefix sdk/typescript build
	CGO_ENABLED=0 go run ./internal/bench

prove: ## revoke under faults on three real instances for ten minutes, and check every answer
	@scripts/need-postgres
	go run ./internal/prove/run

prove-model: ## search every order of events of a small model of the protocol
	go run ./internal/prove/model

prove-mutants: ## break the protocol in every known way, and see that a test notices
	@scripts/need-postgres
	@scripts/need-gcc
	go run ./internal/prove/mutants

screenshots: ## take the pictures of docs/screenshots anew
	@scripts/need-postgres
	@scripts/need-node
	@scripts/need-chromium
	@LATCHKEY_SCREENSHOTS=docs/screenshots scripts/test-web tests/screens.spec.ts

setup: ## install what the other targets need, where that is possible
	@scripts/need-postgres
	@scripts/need-gcc
	@scripts/need-node
	@scripts/need-gateways
	@scripts/need-chromium
	@scripts/need-shells

clean: ## remove what was built and downloaded into this tree
	rm -rf bin tools/node_modules web/node_modules docs/site/node_modules sdk/typescript/node_modules sdk/typescript/dist
