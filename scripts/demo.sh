#!/usr/bin/env bash
# Sets up what is missing and runs the demo: Integrated Maintenance on the lab where there can be one, otherwise the rolling
# deployment, which needs no root. `scripts/demo.sh rolling` or `maintenance` chooses; further arguments go to the demo.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1

case ${1:-} in
  rolling | maintenance) choice=$1; shift ;;
  "" | -*) choice= ;;
  *) echo "usage: $0 [rolling|maintenance] [arguments of the demo], or: make demo DEMO=rolling" >&2; exit 2 ;;
esac

scripts/setup.sh run
if [ -z "$choice" ]; then
  if why=$(.venv/bin/python demo/maintenance.py --can); then
    choice=maintenance
    echo "demo: Integrated Maintenance on the lab, as this is root on a machine of the Debian family (DEMO=rolling: the other one)"
  else
    choice=rolling
    echo "demo: the rolling deployment. Integrated Maintenance on the lab cannot be shown here: $why"
  fi
fi
if [ "$choice" = maintenance ]; then exec .venv/bin/python demo/maintenance.py "$@"; fi

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
exec .venv/bin/python demo/run.py "$@"
