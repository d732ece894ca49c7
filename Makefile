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

test: setup vet lint unit ## everything that CI runs

docs: ## write docs/configuration.md anew
	$(GO) test ./internal/cli -run TestTheReferencePage -update
