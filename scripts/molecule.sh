#!/usr/bin/env bash
# All Molecule scenarios, or those that are named, one after another: scripts/molecule.sh [SCENARIO...]
set -euo pipefail
cd "$(dirname "$0")/.."

why=$(.venv/bin/python -c 'from tests.lab import requirements; print(*requirements.unfit())')
if [ -n "$why" ]; then
  echo "No scenario was run. $why" >&2
  exit 1
fi
scenarios=(--all)
if [ "$#" -gt 0 ]; then scenarios=("${@/#/--scenario-name=}"); fi
cd extensions
exec ../.venv/bin/molecule test "${scenarios[@]}"
