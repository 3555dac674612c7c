# Tem. `make run` to try it, `make test` to check it.
GO ?= go
DIR ?=

.PHONY: build run test unit nightly bench fuzz packages lint clean

build: ## the program, ./tem
	CGO_ENABLED=0 $(GO) build -trimpath -o tem ./cmd/tem

run: build ## a mail system on this machine; prints what to try next
	./tem localserve$(if $(DIR), --dir $(DIR))

test: packages lint ## everything, ending with a count
	@status=0; $(GO) test -json -count=1 -timeout 540s ./... > .test.json || status=$$?; \
	$(GO) run ./test/count < .test.json || status=1; rm -f .test.json; exit $$status

unit: packages lint ## without the built program
	@$(GO) test -count=1 ./internal/... ./cmd/...

nightly: packages lint ## the long runs: race detector, more crashes, fuzzing
	TEM_NIGHTLY=1 $(GO) test -count=1 -race -timeout 4h ./...
	$(MAKE) fuzz FUZZTIME=5m

FUZZTIME ?= 30s
fuzz: ## each fuzz target for FUZZTIME
	@test/fuzz $(FUZZTIME)

bench: build packages ## Tem beside a floor and beside Postfix + Dovecot
	test/bench/run smtp
	test/bench/run out

lint:
	@unformatted=$$(gofmt -l cmd internal test); test -z "$$unformatted" || { echo "gofmt these: $$unformatted"; exit 1; }
	$(GO) vet ./...

packages: ## what the tests need from Debian
	@test/packages

clean:
	rm -f tem .test.json
