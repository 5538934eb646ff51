# Manual pages from scdoc sources.
MAN_SRC := $(sort $(wildcard builder/man/*.scd))
MAN := $(patsubst builder/man/%.scd,$(OUT)/man/%,$(MAN_SRC))
$(OUT)/man/%: builder/man/%.scd
	$(call say,SCDOC,$@)mkdir -p $(@D) && SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-0} scdoc <$< >$@
man: $(MAN) ## manual pages in out/man/
.PHONY: man
