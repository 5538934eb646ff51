# Fuzz targets: tests/fuzz/fuzz_<name>.c, seeds and past findings in tests/fuzz/corpus/<name>/.
FUZZ_NAMES := $(filter-out main,$(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC)))

$(OUT)/fuzz/%: $(OBJ)/tests/fuzz/fuzz_%.o $(OBJ)/tests/fuzz/fuzz_main.o $(OUT)/libengine.a $(OUT)/liboci.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(BASE_LDFLAGS) -o $@ $^ $(LIBS)
.SECONDARY: $(call objs,$(FUZZ_SRC))
fuzz-programs: $(addprefix $(OUT)/fuzz/,$(FUZZ_NAMES))
fuzz-replay: ## replay tests/fuzz/corpus under the sanitizers; F=name picks one
	@$(MAKE) --no-print-directory SAN=address,undefined $(if $(F),out-address-undefined/fuzz/$(F),fuzz-programs)
	@tests/fuzz/replay.sh out-address-undefined/fuzz $(F)
.PHONY: fuzz-replay fuzz-programs

# libFuzzer brings its own main and instruments everything.
FUZZ_OUT := out-fuzz
$(OUT)/libfuzzer/%: $(OBJ)/tests/fuzz/fuzz_%.o $(OUT)/libengine.a $(OUT)/liboci.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(BASE_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
fuzz: ## fuzz F=name for T=600 seconds with clang's libFuzzer
	@test -n '$(F)' || { echo 'usage: make fuzz F=name [T=seconds]; names: $(FUZZ_NAMES)' >&2; exit 2; }
	@$(MAKE) --no-print-directory OUT=$(FUZZ_OUT) CC=clang SAN=address,undefined EXTRA_CFLAGS=-fsanitize=fuzzer-no-link $(FUZZ_OUT)/libfuzzer/$(F)
	@mkdir -p $(FUZZ_OUT)/corpus/$(F) $(FUZZ_OUT)/found tests/fuzz/corpus/$(F)
	$(FUZZ_OUT)/libfuzzer/$(F) -max_total_time=$(or $(T),600) -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix=$(FUZZ_OUT)/found/$(F)- $(addprefix -dict=,$(wildcard tests/fuzz/$(F).dict)) \
		$(FUZZ_OUT)/corpus/$(F) tests/fuzz/corpus/$(F)
.PHONY: fuzz
