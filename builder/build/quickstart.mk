quickstart: ## install what is missing, build, make and verify a real signed bundle
	@builder/setup/quickstart.sh
.PHONY: quickstart
