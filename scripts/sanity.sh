#!/usr/bin/env bash
# ansible-test sanity over a fresh copy of the checkout, for every Python that this machine has.
# It needs a real path that ends in ansible_collections/holdfast/ops, and reads what git lists there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/pythons.sh

repository=$PWD
root=$repository/.cache/sanity
copy=$root/ansible_collections/holdfast/ops
rm -rf "$copy"
.venv/bin/python scripts/copy_tree.py "$copy"

cd "$copy"
git init --quiet
git add --all
PATH=$repository/.venv/bin:$(path_of_real_pythons)
export PATH
# Catalogs and rehearsals hold several documents in one file, which ansible-test refuses; our own tests read every one of them.
# They are not part of the collection's tarball.
exec ansible-test sanity --local --color no --exclude tests/catalog/ --exclude tests/rehearsals/ "$@"
