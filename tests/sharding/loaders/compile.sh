#!/bin/sh
# Makes loaders.lock anew; run with the Python that CI runs, with pip-tools installed.
set -eu
cd "$(dirname "$0")"
CUSTOM_COMPILE_COMMAND="tests/sharding/loaders/compile.sh" pip-compile --quiet --generate-hashes --no-emit-index-url \
  --no-emit-trusted-host --no-emit-options --strip-extras --allow-unsafe --output-file loaders.lock loaders.in
