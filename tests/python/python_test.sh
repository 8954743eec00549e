#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Python package into an environment that is kept between runs, type-checks it and runs its tests.
# usage: python_test.sh PYTHON FOLDER BUILD
set -euo pipefail
python=$1 folder=$2 build=$3
source=$(cd "$(dirname "$0")/../../sdk/python" && pwd)
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9

skip() { echo "python: skipped: $*"; exit 77; }
# What is installed counts for as long as what was asked for stays the same.
asked=$("$python" -c 'import sys; print(sys.version)'; cat "$source/pyproject.toml")
if [ ! -f "$folder/asked" ] || [ "$(cat "$folder/asked")" != "$asked" ]; then
  rm -rf "$folder/venv" "$folder/asked"
  "$python" -m venv "$folder/venv" || skip "this Python makes no environments (python3-venv)"
  mapfile -t wanted < <("$folder/venv/bin/python" - "$source/pyproject.toml" <<'END'
import re, sys
text = open(sys.argv[1]).read()
for name in ("requires", "dependencies", "test"):
    print(*re.findall(r'"([^"]+)"', re.search(rf"(?m)^{name} = \[(.*?)\]$", text)[1]), sep="\n")
END
  )
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 15 ninja "${wanted[@]}" \
    >"$folder/pip.log" 2>&1 || { tail -n 3 "$folder/pip.log"; skip 'the packages that its tests need cannot be had'; }
  printf '%s\n' "$asked" >"$folder/asked"
fi

# The same flags and compiler as the rest of a release build (CC and CXX; else Python's own names of them, which differ),
# so that ccache has the folders' objects already.
PATH=$folder/venv/bin:$PATH "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-index \
  --no-build-isolation --force-reinstall -C build-dir="$build" -C cmake.define.BLINDBOX_WERROR=ON "$source" \
  >"$folder/build.log" 2>&1 || { tail -n 60 "$folder/build.log"; echo 'python: error: pip install fails' >&2; exit 1; }
cd "$source"
"$folder/venv/bin/mypy" --cache-dir "$folder/mypy"
exec "$folder/venv/bin/python" -B -m pytest -q
