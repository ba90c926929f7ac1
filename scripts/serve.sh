#!/usr/bin/env bash
# The controller from this checkout, with its state in .cache/serve unless HOLDFAST_HOME says otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh serve
export HOLDFAST_HOME=${HOLDFAST_HOME:-$PWD/.cache/serve}
exec .venv/bin/holdfast serve "$@"
