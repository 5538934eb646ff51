# Rules of the house, executed.
lint: $(OUT)/ess-bundle ## run all lints; L="layers size" picks some
	@tests/lint/run.sh $(OUT)/ess-bundle $(L)
check: ## lint and unit tests
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
check-headers: ## does every header compile alone
	@tests/lint/check-headers.sh
check-layers: ## do includes follow the arrows
	@tests/lint/check-layers.sh
.PHONY: lint check check-headers check-layers

ALL_C := $(sort $(wildcard oci/*/*.[ch] builder/engine/*/*.[ch] builder/cli/*.[ch] builder/tools/*.[ch] tests/*/*.[ch]))
CLANG_FORMAT ?= $(firstword $(shell command -v clang-format-14 clang-format) clang-format)
format: ## format the whole tree with clang-format 14
	$(CLANG_FORMAT) -i $(ALL_C)
format-check: ## is the whole tree formatted
	@tests/lint/check-format.sh
.PHONY: format format-check
