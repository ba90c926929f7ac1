#!/usr/bin/env bash
# Sets up what is missing and runs the demo; arguments go to demo/run.py. Only HAProxy may need root, and only once.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian keeps it in /usr/sbin, which is not on everyone's PATH.
export PATH=$PATH:/usr/sbin:/sbin
if ! command -v haproxy >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing HAProxy"
    scripts/apt_install.sh haproxy
  else
    echo "HAProxy is missing. Get it with one of these, and run 'make demo' again:" >&2
    echo "  sudo apt-get install haproxy     (Debian, Ubuntu)" >&2
    echo "  sudo dnf install haproxy         (RHEL, Fedora)" >&2
    exit 1
  fi
fi
scripts/setup.sh run
exec .venv/bin/python demo/run.py "$@"
