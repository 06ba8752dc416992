#!/usr/bin/env bash
# Installs the wheel in dist/ as users do, without a network, into fresh folders, and runs it there.
set -euo pipefail
cd "$(dirname "$0")/.."
(cd dist && sha256sum --check --quiet SHA256SUMS)
wheel=$(realpath dist/*.whl)
PATH=$PWD/.venv/bin:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export CLOUDOPS_HOME=$scratch/home

try() {
  "$1/cloudops-ls" --version
  "$1/cloudops-ls" demo --yes >"$scratch/log" 2>&1 || { tail -n 40 "$scratch/log"; return 1; }
  echo "$2: the demo ran"
}

# From a folder of wheels and from nothing else, as on a machine without a network.
uv venv --quiet --seed download
download/bin/pip --quiet --disable-pip-version-check download --dest wheels "$wheel[demo]" pip pipx
export UV_OFFLINE=1 UV_NO_INDEX=1 UV_FIND_LINKS=$scratch/wheels PIP_NO_INDEX=1 PIP_FIND_LINKS=$scratch/wheels
export UV_CACHE_DIR=$scratch/cache

UV_TOOL_DIR=$scratch/uv UV_TOOL_BIN_DIR=$scratch/uv-bin uv tool install --quiet "cloudops-ls[demo]"
try "$scratch/uv-bin" "uv tool install"

PIPX_HOME=$scratch/pipx PIPX_BIN_DIR=$scratch/pipx-bin \
  uv tool run --quiet pipx install --quiet "cloudops-ls[demo]" >/dev/null
try "$scratch/pipx-bin" pipx
