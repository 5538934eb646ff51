# Benchmarks against whichever peers are installed; nothing fails because a budget is missed.
bench: $(OUT)/ess-bundle ## measure against the peers; B="image bundle" picks some
	@ESS_BUNDLE=$(ROOT)/$(OUT)/ess-bundle tests/bench/run.sh $(B)
.PHONY: bench
