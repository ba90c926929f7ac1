# shellcheck shell=bash
# Functions to find Python interpreters; to be sourced.

# The folders of real interpreters that a version manager keeps: its shims start only the version chosen at the moment.
version_manager_dirs() {
  local root=${PYENV_ROOT:-$HOME/.pyenv}
  local dir
  for dir in "$root"/versions/3.*/bin; do
    if [ -d "$dir" ]; then echo "$dir"; fi
  done
}

# PATH with those folders first and without the shims.
path_of_real_pythons() {
  local dir path=""
  while read -r dir; do path+="$dir:"; done < <(version_manager_dirs)
  local IFS=:
  for dir in $PATH; do
    case $dir in
      */.pyenv/shims | "${PYENV_ROOT:-/nowhere}/shims") ;;
      *) path+="$dir:" ;;
    esac
  done
  echo "${path%:}"
}

# The interpreter to build .venv with: 3.12 if there is one, otherwise what is nearest to it.
find_python() {
  local name found
  local check='import sys, venv, ensurepip; assert (3, 10) <= sys.version_info[:2] <= (3, 14); print(sys.executable)'
  if [ -n "${HOLDFAST_PYTHON:-}" ]; then
    "$HOLDFAST_PYTHON" -c "$check" 2>/dev/null
    return
  fi
  for name in python3.12 python3.13 python3.11 python3.14 python3.10 python3; do
    if found=$(PATH=$(path_of_real_pythons) "$name" -c "$check" 2>/dev/null); then
      echo "$found"
      return 0
    fi
  done
  return 1
}
