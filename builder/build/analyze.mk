# Static analysis. Slow, so apart from lint.
TIDY_SRC := $(OCI_SRC) $(ENGINE_SRC) $(CLI_SRC) $(TOOLS_SRC)
# What clang does not know of gcc's flags it may ignore.
tidy: ## clang-tidy over the sources; S=file picks some
	@printf '%s\n' $(or $(S),$(TIDY_SRC)) | xargs -P 2 -n 4 sh -c \
		'clang-tidy --quiet --warnings-as-errors="*" "$$@" -- -std=gnu17 -DEB_CLI=1 $(filter-out -DEB_VERSION%,$(filter -D% -I%,$(BASE_CFLAGS))) \
		-DEB_VERSION=\"$(VERSION)\" \
		-Wno-unknown-warning-option -include oci/base/compat.h $(cli_inc) 2>&1 | grep -vE "warnings (generated|treated)|^$$" || :' sh \
		>$(OUT)/tidy.log
	@tests/analyzer-findings.sh tests/tidy-explained.txt $(OUT)/tidy.log
$(OUT)/.dir:
	@mkdir -p $(@D) && touch $@
tidy: | $(OUT)/.dir

analyze: ## gcc -fanalyzer over the sources
	@$(MAKE) --no-print-directory OUT=out-analyze WERROR= EXTRA_CFLAGS=-fanalyzer out-analyze/ess-bundle out-analyze/ess-tools >out-analyze.log 2>&1 || { cat out-analyze.log; exit 1; }
	@mkdir -p out-analyze && mv out-analyze.log out-analyze/log
	@tests/analyzer-findings.sh tests/analyzer-explained.txt out-analyze/log

cppcheck: ## cppcheck over the sources
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability,performance --inline-suppr --std=c11 \
		--suppress=missingInclude --suppress=unknownMacro -DEB_CLI=1 $(cli_inc) -j 2 $(TIDY_SRC)

compile_commands.json: FORCE ## for editors
	@{ echo '['; n=; for f in $(TIDY_SRC) $(UNIT_SRC); do \
	printf '%s{"directory":"%s","file":"%s","command":"%s"}' "$$n" '$(ROOT)' $$f \
	"$(CC) -std=gnu17 -DEB_CLI=1 -DEB_VERSION=\\\"$(VERSION)\\\" -include oci/base/compat.h $(unit_inc) $(PKG_CFLAGS) -c $$f"; \
	n=',\n'; n=$$(printf "$$n"); done; echo ']'; } >$@
.PHONY: tidy analyze cppcheck
