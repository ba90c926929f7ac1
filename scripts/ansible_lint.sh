#!/usr/bin/env bash
# ansible-lint with the production profile. Offline: all collections it needs are in .venv, this checkout among them.
set -euo pipefail
cd "$(dirname "$0")/.."

export ANSIBLE_COLLECTIONS_PATH=$PWD/.venv/collections
export PATH=$PWD/.venv/bin:$PATH
exec .venv/bin/ansible-lint --offline "$@"
