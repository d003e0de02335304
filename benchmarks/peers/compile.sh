#!/bin/sh
# Makes the peers' locks anew; run with the Python that CI runs, with pip-tools installed.
set -eu
cd "$(dirname "$0")"
for peer in datatrove minhash datajuicer img2dataset extraction ../extraction/requirements; do
  CUSTOM_COMPILE_COMMAND="benchmarks/peers/compile.sh" pip-compile --quiet --generate-hashes --no-emit-index-url \
    --no-emit-trusted-host --no-emit-options --strip-extras --allow-unsafe --output-file $peer.lock $peer.in
done
