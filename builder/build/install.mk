# make install [PREFIX=/usr] [DESTDIR=...]
bindir ?= $(PREFIX)/bin
mandir ?= $(PREFIX)/share/man
bashdir ?= $(PREFIX)/share/bash-completion/completions
zshdir ?= $(PREFIX)/share/zsh/site-functions
fishdir ?= $(PREFIX)/share/fish/vendor_completions.d

$(OUT)/completion/%: $(OUT)/ess-bundle
	$(call say,GEN,$@)mkdir -p $(@D) && $< completion $* >$@
COMPLETIONS := $(addprefix $(OUT)/completion/,bash zsh fish)
completion: $(COMPLETIONS) ## completion scripts in out/completion/

OWN := $(OUT)/own/ess-bundle $(OUT)/own/ess-tools
install: $(OUT)/ess-bundle $(OWN) $(MAN) $(COMPLETIONS) ## install program, manual pages and completion
	install -D -m 755 $(OUT)/ess-bundle $(DESTDIR)$(bindir)/ess-bundle
	for p in $(OWN); do install -D -m 755 $$p $(DESTDIR)$(PREFIX)/lib/ess-bundle/$${p##*/} || exit 1; done
	for m in $(MAN); do install -D -m 644 $$m $(DESTDIR)$(mandir)/man$${m##*.}/$${m##*/} || exit 1; done
	install -D -m 644 $(OUT)/completion/bash $(DESTDIR)$(bashdir)/ess-bundle
	install -D -m 644 $(OUT)/completion/zsh $(DESTDIR)$(zshdir)/_ess-bundle
	install -D -m 644 $(OUT)/completion/fish $(DESTDIR)$(fishdir)/ess-bundle.fish
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(bindir)/ess-bundle $(DESTDIR)$(bashdir)/ess-bundle $(DESTDIR)$(zshdir)/_ess-bundle $(DESTDIR)$(fishdir)/ess-bundle.fish
	rm -f $(patsubst $(OUT)/own/%,$(DESTDIR)$(PREFIX)/lib/ess-bundle/%,$(OWN))
	for m in $(MAN); do rm -f $(DESTDIR)$(mandir)/man$${m##*.}/$${m##*/}; done
.PHONY: completion install uninstall
