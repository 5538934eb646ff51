#!/bin/sh
# Every shell script through shellcheck.
set -eu
cd "$(dirname "$0")/../.."
scripts=$(find builder tests .ci -type f \( -name '*.sh' -o -path .ci/run \) | sort)
# shellcheck disable=SC2086 # a list of files
shellcheck -x -P SCRIPTDIR --severity=warning --format=gcc $scripts
