#!/usr/bin/env bash
# Builds everything of a release into dist/: sdist, wheel, .vsix, bills of materials, checksums.
# The same commit gives the same sdist and wheel.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$PWD/.venv/bin/uv
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

rm -rf dist
mkdir dist
# The wheel is built from the sdist, so that the sdist is known to be whole.
"$uv" build --quiet --out-dir dist
rm -f dist/.gitignore

(cd editors/vscode && npm ci --silent --no-audit --no-fund && npm run --silent package)
cp editors/vscode/*.vsix dist/

# What a user's installation holds, with the versions that were tested.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$uv" venv --quiet "$scratch/env"
grep -E '^[A-Za-z0-9][A-Za-z0-9_.-]*==' requirements.lock | sed 's/ *\\$//' >"$scratch/constraints.txt"
"$uv" pip install --quiet --python "$scratch/env/bin/python" \
  --constraints "$scratch/constraints.txt" dist/*.whl
.venv/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
  --output-reproducible --output-format JSON --output-file dist/cloudops-ls.cdx.json \
  "$scratch/env/bin/python"
# The extension is one bundle: what it was built with is what is in it.
(cd editors/vscode && npm sbom --sbom-format cyclonedx --sbom-type application) \
  >dist/cloudops-vscode.cdx.json

(cd dist && sha256sum -- *.tar.gz *.whl *.vsix *.json >SHA256SUMS)
ls -l dist
