# Manual pages from scdoc sources.
MAN_SRC := $(sort $(wildcard builder/man/*.scd))
# The date in a page: of the last commit, so that two builds of it agree.
MAN_EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),0)
MAN := $(patsubst builder/man/%.scd,$(OUT)/man/%,$(MAN_SRC))
$(OUT)/man/%: builder/man/%.scd
	$(call say,SCDOC,$@)mkdir -p $(@D) && SOURCE_DATE_EPOCH=$(MAN_EPOCH) scdoc <$< >$@
man: $(MAN) ## manual pages in out/man/
.PHONY: man
