# The whole suite. It installs what it needs and builds in sub-makes, so nothing here depends on a library.
test: ## install what is missing to test, run everything; P="lint unit e2e/build" picks parts
	@tests/run.sh $(P)
install-deps: ## install what is missing to build
	@builder/setup/install-deps.sh build
.PHONY: test install-deps

check-repro: all ## same bytes whatever the circumstances; MATRIX=full on the whole quickstart
	@for t in $(sort $(filter-out tests/repro/lib%,$(wildcard tests/repro/*.sh))); do echo "# $$t"; $$t || exit 1; done
.PHONY: check-repro
