# The commands of this project; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export GOFLAGS ?= -buildvcs=false
TOOLS := $(wildcard cmd/tools/go.*)

# Packages whose tests run under the race detector: what shares memory. The
# JavaScript libraries would take ten times as long, and the rest runs on the
# real program.
RACE := ./engine ./engine/auth ./engine/collection ./engine/link ./engine/mail ./engine/pg ./engine/queue ./engine/snowflake ./engine/task ./handlers

.PHONY: help run build test check e2e crash bench seed-million screenshots go gcc postgresql chromium unit race

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: postgresql build ## Install what is missing, build, start on http://127.0.0.1:8080
	exec bin/alur serve

test: postgresql chromium check unit race ## Install what is missing, run everything that CI runs

check: go bin/staticcheck ## Formatting, vet, staticcheck, generated pages; no database needed
	@cmd/tools/check

e2e: postgresql chromium ## The journeys in a real browser
	go test ./handlers/e2e/...

crash: postgresql ## Kill it in all ways for half an hour; CRASH=5m, CRASH_SEED=1 for others
	CRASH=$(or $(CRASH),30m) go test -count=1 -v -timeout 0 ./engine/crashtest
	go test -count=1 -timeout 0 -run TestModel ./engine -rapid.checks=300

bench: postgresql build ## Measure speed; make bench ONLY=W1,W3 runs some
	@go run ./cmd/bench -only "$(ONLY)"

seed-million: postgresql build ## A million executions, and how quick pages and lists are; in DATABASE_URL or a throw-away database
	@go run ./cmd/bench -only growth

screenshots: postgresql chromium ## Take the pictures of the README again
	rm -rf tmp/shots && mkdir -p tmp/shots
	SHOTS=$(CURDIR)/tmp/shots go test -count=1 -run 'TestOrders|TestLeave' ./handlers/e2e
	cp tmp/shots/canvas-1440-light.png .readme/canvas.png
	cp tmp/shots/execution-step-1440-light.png .readme/execution.png
	cp tmp/shots/decision-360-light.png .readme/decision.png

build: go
	go build -o bin/alur ./cmd/alur

unit: go
	go test $$(go list ./... | grep -vxF "$$(go list $(RACE))")

race: go gcc
	go test -race $(RACE)

# What the machine needs.
go:
	@command -v go >/dev/null || { echo 'Go 1.26 or later is needed: install it from your packages or from go.dev/dl.' >&2; exit 1; }

gcc: # for the race detector
	@cmd/tools/install gcc

postgresql:
	@cmd/tools/install postgresql

chromium:
	@cmd/tools/install chromium

# Programs for development, with versions of their own (cmd/tools/go.mod).
bin/staticcheck: $(TOOLS)
	go -C cmd/tools build -o ../../$@ honnef.co/go/tools/cmd/staticcheck
