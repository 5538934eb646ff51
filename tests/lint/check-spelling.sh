#!/bin/sh
# codespell over text and code. Unit tests and refused inputs misspell on purpose.
set -eu
cd "$(dirname "$0")/../.."
codespell --quiet-level=3 --ignore-words=tests/lint/spelling-ignore.txt \
	--skip='*/corpus/*,tests/shouldfail/*,*/tests/unit/*,tests/unit/*,*/out*,*.json,*.lock,lock.yaml,tests/golden/*,go.sum,.git' \
	oci builder tests recipes bundles README.md Makefile flake.nix 2>/dev/null |
	sed 's/: /: spelling: /' | grep . && exit 1
exit 0
