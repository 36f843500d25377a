# make run shows casehook, make test proves it. Everything else is in docs/.

# Passed on to the demo and to the benchmarks: make run ARGS=--once
ARGS ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test bench lint screenshots provide

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the demo: a server, a receiver and a patient's journey through all 19 events
	@go run ./cmd/casehook demo $(ARGS)

test: provide lint ## Check everything: install what is missing, lint, and test under the race detector
	@CGO_ENABLED=1 go test -race -vet=off -timeout 15m ./...

bench: ## Measure throughput, latency and memory on this machine
	@go run ./bench $(ARGS)

lint: ## Check the format, and run go vet, staticcheck and errcheck
	@unformatted=$$(gofmt -l $$(find . -name node_modules -prune -o -name '*.go' -print)); \
	if [ -n "$$unformatted" ]; then printf 'not formatted, run gofmt -w:\n%s\n' "$$unformatted" >&2; exit 1; fi
	@go vet ./...
	@go tool -modfile=tools/go.mod staticcheck ./...
	@go tool -modfile=tools/go.mod errcheck -ignoretests -exclude tools/errcheck.txt ./...

screenshots: ## Make the pictures in docs/images: the dashboard of a made-up clinic, in Chromium
	@go test -count=1 ./e2e/screenshots -update

provide: ## Install what the tests need beside Go, where it is missing
	@sh .ci/provide
