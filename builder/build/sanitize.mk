# The unit tests under the sanitizers and valgrind; T=pattern picks some.
check-asan: ## unit tests under address and undefined behaviour sanitizers
	@$(MAKE) --no-print-directory SAN=address,undefined unit T='$(T)'
check-tsan: ## unit tests under the thread sanitizer
	@$(MAKE) --no-print-directory SAN=thread out-thread/unit-tests
	@TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 out-thread/unit-tests $(T)
check-valgrind: $(OUT)/unit-tests ## unit tests under valgrind
	@tests/valgrind.sh $(OUT)/unit-tests $(T)
.PHONY: check-asan check-tsan check-valgrind

# -Og, because fortified headers want some optimisation.
coverage: ## line coverage of the unit tests, in out-coverage/
	@$(MAKE) --no-print-directory OUT=out-coverage OPT=-Og EXTRA_CFLAGS=--coverage LDFLAGS=--coverage out-coverage/unit-tests
	@find out-coverage -name '*.gcda' -delete
	@out-coverage/unit-tests $(T) | tail -1
	@if command -v gcovr >/dev/null; then gcovr --root . --filter 'oci/' --filter 'builder/' --object-directory out-coverage \
		--html-details out-coverage/index.html --print-summary; \
	else tests/coverage-summary.sh out-coverage; fi
.PHONY: coverage
