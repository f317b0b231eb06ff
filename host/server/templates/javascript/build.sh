#!/bin/sh
# Builds component.wasm. The first time, it installs componentize-js into node_modules.
set -eu
cd "$(dirname "$0")"
if ! cmp -s package-lock.json node_modules/installed.json; then
    npm ci --ignore-scripts --no-audit --no-fund --silent
    cp package-lock.json node_modules/installed.json
fi
node build.mjs . component.wasm
