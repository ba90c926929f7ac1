#!/usr/bin/env bash
# Installs packages with apt as root: without questions, and without what is only recommended.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null
apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
