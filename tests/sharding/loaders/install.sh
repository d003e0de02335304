#!/bin/sh
# Installs open_clip, torch and clip-retrieval's reader into an environment of their own, once (6 GB, two minutes):
# $WEB2SHARDS_LOADERS, by default build/loaders of this checkout.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${WEB2SHARDS_LOADERS:-$(cd "$here/../../.." && pwd)/build/loaders}
if [ "$(cat "$to/installed.lock" 2>/dev/null)" = "$(cat "$here/loaders.lock" "$here/readers.lock")" ]; then exit; fi
echo "installing torch and open_clip into $to (two minutes, once)"
rm -rf "$to"
"${PYTHON:-python3}" -m venv "$to"
for lock in loaders readers; do
  "$to/bin/python" -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps -r "$here/$lock.lock"
done
cat "$here/loaders.lock" "$here/readers.lock" > "$to/installed.lock"
