# make test   everything that CI runs: vet, linters, tests with the race detector, examples, the demo
# make help   the other targets

GO       ?= go
LINT     := .bin/golangci-lint
LINT_VER := v2.15.0
VERSION  ?= 0.1.0

.PHONY: help setup build vet lint test unit e2e chaos fuzz bench gobench docs

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## what the tests need; says what is missing
	@command -v $(GO) >/dev/null || { echo "missing: Go 1.26"; exit 1; }
	@command -v curl >/dev/null || { command -v apt-get >/dev/null && apt-get install -y -qq curl >/dev/null; } || { echo "missing: curl"; exit 1; }
	@command -v npm >/dev/null || { command -v apt-get >/dev/null && apt-get install -y -qq nodejs npm >/dev/null; } || { echo "missing: Node.js 18 or newer with npm (for oidc-provider in test/e2e)"; exit 1; }
	@command -v gcc >/dev/null || { command -v apt-get >/dev/null && apt-get install -y -qq gcc libc6-dev >/dev/null; } || { echo "missing: gcc (the race detector needs cgo)"; exit 1; }

build: ## the static binary, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X gatehouse/internal/cli.release=$(VERSION)" -o bin/gatehouse .

vet:
	$(GO) vet ./...

$(LINT):
	GOBIN=$(CURDIR)/.bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VER)

lint: $(LINT) ## the chosen linters
	$(LINT) run ./...

unit: ## tests with the race detector
	$(GO) test -race ./...

e2e: ## the binary against Dex, npm's oidc-provider and broken wires (a module of its own)
	cd test/e2e && $(GO) vet ./... && $(GO) test ./...

chaos: ## the tests of bad days, many times in a row; COUNT=n
	$(GO) test -race -run 'Chaos' -count $(or $(COUNT),20) ./validator ./backends ./endpoints ./gateway
	cd test/e2e && $(GO) test -count $(or $(COUNT),20) -timeout 60m ./...

fuzz: ## every fuzzer for a moment (a count, since runs by time may fail at their very end); TIME=10m for long runs
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(TIME),1000x) $$pkg || exit 1; \
		done; \
	done

test: setup vet lint unit e2e fuzz ## everything that CI runs

# What the bench needs from Debian; installed where it is missing.
PEERS = wrk:wrk haproxy:haproxy nginx:nginx-light

bench: ## side by side with HAProxy and nginx, into bench/results; JOBS=rs256,json picks rows, ROUNDS=n
	@for p in $(PEERS); do command -v $${p%%:*} >/dev/null || apt-get install -y -qq --no-install-recommends $${p#*:} >/dev/null || \
		{ echo "missing: $${p#*:} (make bench runs on Debian, or with $${p%%:*} on the path)"; exit 1; }; done
	cd bench && $(GO) build -o results/tmp/bench . && results/tmp/bench -jobs '$(JOBS)' -rounds $(or $(ROUNDS),5)

gobench: ## Go benchmarks of every stage, compared with the last tag where there is one; BENCH=regexp, COUNT=n
	bench/gobench.sh '$(or $(BENCH),.)' '$(or $(COUNT),6)'

docs: ## write docs/configuration.md anew
	$(GO) test ./internal/cli -run TestTheReferencePage -update
