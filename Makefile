# make test   everything that CI runs: vet, linters, tests with the race detector, examples, the demo
# make help   the other targets

GO       ?= go
LINT     := .bin/golangci-lint
LINT_VER := v2.15.0
VERSION  ?= 0.1.0

.PHONY: help setup build vet lint test unit e2e chaos fuzz bench gobench pgo docs

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## what the tests need; says what is missing
	@command -v $(GO) >/dev/null || { echo "missing: Go 1.26"; exit 1; }
	@command -v curl >/dev/null || { command -v apt-get >/dev/null && apt-get install -y -qq curl >/dev/null; } || { echo "missing: curl"; exit 1; }
	@command -v npm >/dev/null || { command -v apt-get >/dev/null && apt-get install -y -qq nodejs npm >/dev/null; } || { echo "missing: Node.js 18 or newer with npm (for oidc-provider in test/e2e)"; exit 1; }
	@command -v nft >/dev/null || { command -v apt-get >/dev/null && apt-get install -y -qq nftables iproute2 >/dev/null; } || echo "nft is missing: test/e2e skips the cut cable"
	@command -v gcc >/dev/null || { command -v apt-get >/dev/null && apt-get install -y -qq gcc libc6-dev >/dev/null; } || { echo "missing: gcc (the race detector needs cgo)"; exit 1; }

build: ## the static binary, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X gatehouse/internal/cli.release=$(VERSION)" -o bin/gatehouse .

MODULES := . bench test/e2e

vet: ## go vet, of all modules
	@for dir in $(MODULES); do echo "vet $$dir"; (cd $$dir && $(GO) vet ./...) || exit 1; done

$(LINT):
	GOBIN=$(CURDIR)/.bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VER)

lint: $(LINT) ## the chosen linters, of all modules
	@for dir in $(MODULES); do echo "lint $$dir"; (cd $$dir && $(CURDIR)/$(LINT) run ./...) || exit 1; done

unit: ## tests with the race detector, those of the bench's own tools too
	$(GO) test -race ./...
	cd bench && $(GO) test -race ./...

e2e: ## the binary against Dex, npm's oidc-provider, processes that die and broken wires (a module of its own)
	cd test/e2e && $(GO) test ./...

chaos: ## the tests of bad days, many times in a row; COUNT=n
	$(GO) test -race -run 'Chaos' -count $(or $(COUNT),20) -timeout 30m ./validator ./backends ./endpoints ./gateway
	cd test/e2e && $(GO) test -race -run 'Chaos' -count $(or $(COUNT),20) -timeout 60m ./...

fuzz: ## every fuzzer for a moment (a count, since runs by time may fail at their very end); TIME=10m for long runs
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(TIME),1000x) $$pkg || exit 1; \
		done; \
	done

test: setup vet lint unit e2e fuzz ## everything that CI runs

SIDE_BY_SIDE = bench/install.sh && cd bench && $(GO) test . && $(GO) build -o results/tmp/bench . && PATH="$$PATH:/usr/sbin" results/tmp/bench

bench: ## side by side with HAProxy and nginx, into bench/results; JOBS=rs256,scale picks some, ROUNDS=n
	$(SIDE_BY_SIDE) -jobs '$(JOBS)' -rounds $(or $(ROUNDS),5)

gobench: ## Go benchmarks of every stage, compared with the last tag where there is one; BENCH=regexp, COUNT=n
	bench/gobench.sh '$(or $(BENCH),.)' '$(or $(COUNT),6)'

pgo: ## profile the rows of the bench into default.pgo, which go build then heeds; the binary must stay under 35 MB
	$(SIDE_BY_SIDE) -window 3s -profile results/tmp/default.pgo
	cp bench/results/tmp/default.pgo default.pgo
	$(MAKE) build
	@size=$$(stat -c %s bin/gatehouse); echo "bin/gatehouse: $$size bytes"; test $$size -le 35000000 || { echo "more than 35 MB: default.pgo is taken back"; rm default.pgo; exit 1; }

docs: ## write docs/configuration.md anew
	$(GO) test ./internal/cli -run TestTheReferencePage -update
