#!/usr/bin/env bash
# Makes .venv, or brings it up to date. Does nothing, in no time, when it already is.
#
#   scripts/setup.sh run    what is needed to run Holdfast from this checkout (make demo)
#   scripts/setup.sh serve  that, and the controller (make serve)
#   scripts/setup.sh dev    that, and the tools for tests and lint (make setup)
#
# HOLDFAST_PYTHON names the interpreter to use; otherwise one from 3.10 on is looked for.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/pythons.sh

extra=${1:?"usage: $0 run|serve|dev"}
case $extra in
  run) extras=collections,lab ;;
  serve) extras=collections,controller,lab ;;
  dev) extras=dev ;;
  *) echo "usage: $0 run|serve|dev" >&2; exit 2 ;;
esac
stamp=.venv/.holdfast-$extra

# The stamp holds what the environment was made from. An environment for dev has all that run and serve need.
wanted=$(cat pyproject.toml scripts/setup.sh | cksum)
is_ready() { [ -x .venv/bin/python ] && [ -L "$link" ] && [ "$(cat "$1" 2>/dev/null)" = "$wanted" ]; }
link=.venv/collections/ansible_collections/holdfast/ops
if is_ready "$stamp" || is_ready .venv/.holdfast-dev; then exit 0; fi
if [ "$extra" = run ] && is_ready .venv/.holdfast-serve; then exit 0; fi

# Two at once would spoil each other's work.
if command -v flock >/dev/null; then
  mkdir -p .cache
  exec 9>.cache/setup.lock
  flock 9
fi

if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  python=$(find_python) || {
    echo "No Python from 3.10 to 3.14 with the modules venv and ensurepip was found." >&2
    echo "Install one (Debian, Ubuntu: apt-get install python3-venv; RHEL: dnf install python3.12) or name it in HOLDFAST_PYTHON." >&2
    exit 1
  }
  echo "setup: .venv with $("$python" --version) ($python)"
  "$python" -m venv .venv
fi

# --no-compile: the collections are tens of thousands of files, of which few are ever imported.
echo "setup: installing holdfast[$extras] into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -e ".[$extras]" </dev/null

# The checkout itself as the collection holdfast.ops. Ansible also looks for collections on Python's own path, so every program
# of .venv finds it, from any folder and without a setting. Both folders are plain entries of the path: the finder that pip would
# load instead takes longer than the rest of Python's start, and every task of a play starts Python.
mkdir -p "$(dirname "$link")"
ln -sfn "$PWD" "$link"
.venv/bin/python - <<'PY'
import pathlib, sysconfig
site = pathlib.Path(sysconfig.get_path("purelib"))
for pth in site.glob("__editable__.holdfast-*.pth"):
    pth.unlink()
folders = [pathlib.Path(name).absolute() for name in (".venv/collections", "extensions/controller")]
(site / "holdfast_dev.pth").write_text("".join(f"{folder}\n" for folder in folders), encoding="utf-8")
PY

# Molecule starts Ansible's programs by their names: those beside it, whatever PATH says.
if [ "$extra" = dev ]; then
  printf '#!/bin/sh\nPATH="%s:$PATH" exec "%s/python" -m molecule "$@"\n' "$PWD/.venv/bin" "$PWD/.venv/bin" >.venv/bin/molecule
fi
echo "$wanted" >"$stamp"
