#!/usr/bin/env bash
# Installs the wheel in dist/ as users do, into fresh folders, and runs it there.
set -euo pipefail
cd "$(dirname "$0")/.."
(cd dist && sha256sum --check --quiet SHA256SUMS)
wheel=$(realpath dist/*.whl)
uv=$PWD/.venv/bin/uv
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export CLOUDOPS_HOME=$scratch/home

try() {
  "$1/cloudops-ls" --version
  "$1/cloudops-ls" demo --yes >"$scratch/log" 2>&1 || { tail -n 40 "$scratch/log"; return 1; }
  echo "$2: the demo ran"
}

UV_TOOL_DIR=$scratch/uv UV_TOOL_BIN_DIR=$scratch/uv-bin "$uv" tool install --quiet "$wheel[demo]"
try "$scratch/uv-bin" "uv tool install"

PIPX_HOME=$scratch/pipx PIPX_BIN_DIR=$scratch/pipx-bin \
  "$uv" tool run --quiet pipx install --quiet "$wheel[demo]" >/dev/null
try "$scratch/pipx-bin" pipx
