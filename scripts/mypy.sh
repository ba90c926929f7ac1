#!/usr/bin/env bash
# mypy, strict, over what has types to keep: the core, the hands, the Python package and the lab, under the names they are imported by.
set -euo pipefail
cd "$(dirname "$0")/.."

ops=ansible_collections.holdfast.ops
export MYPYPATH=$PWD/.venv/collections:$PWD/extensions/controller:$PWD/demo
exec .venv/bin/mypy -p "$ops.plugins.module_utils.core" -p "$ops.plugins.plugin_utils.hands" -p holdfast -p tests.lab "$@"
