#!/bin/sh
# Builds component.wasm. The first time, it installs componentize-py into .venv.
set -eu
cd "$(dirname "$0")"
if ! cmp -s requirements.txt .venv/installed.txt; then
    python3 -m venv --clear .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
    cp requirements.txt .venv/installed.txt
fi
.venv/bin/componentize-py --quiet --wit-path wit --world component $(cat mecha/names.txt) \
    componentize app --output component.wasm
