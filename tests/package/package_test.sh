#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: package_test.sh SOURCE BUILD
set -euo pipefail
source=$1 build=$2
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
fail() { echo "package: error: $*" >&2; exit 1; }

cmake --install "$build" --component library --prefix "$stage/installed" >"$stage/log"
if find "$stage/installed" -path '*/internal/*' | grep -q .; then fail 'internal headers were installed'; fi
cmake -S "$source/examples/verifier" -B "$stage/build" -DCMAKE_PREFIX_PATH="$stage/installed" >>"$stage/log"
cmake --build "$stage/build" >>"$stage/log" || { cat "$stage/log"; fail 'the example does not build'; }

example=$stage/build/verify_report
# The status of a run that may fail.
status() { local code=0; "$@" >"$stage/out" 2>&1 || code=$?; echo "$code"; }
[ "$(status "$example")" = 2 ] || fail 'no arguments are no usage error'
head -c 1184 /dev/zero >"$stage/zeros"
[ "$(status "$example" 2026-03-01 "$stage/zeros")" = 3 ] || fail 'zeros are not malformed'

evidence=${BLINDBOX_VECTORS:-$source/../shared/vectors}/evidence/sev-snp/turin-v5-aci-tav
if [ ! -d "$evidence" ]; then
  echo 'package: skipped: no real evidence at hand'
  exit 0
fi
chain=("$evidence/vcek.der" "$evidence"/../_roots/turin_{ask,ark}.der)
[ "$(status "$example" 2026-03-01 "$evidence/report.bin" "${chain[@]}")" = 0 ] ||
  { cat "$stage/out"; fail 'genuine evidence is refused'; }
cp "$evidence/report.bin" "$stage/flipped" && printf '\377' | dd of="$stage/flipped" bs=1 seek=80 conv=notrunc status=none
[ "$(status "$example" 2026-03-01 "$stage/flipped" "${chain[@]}")" = 4 ] || fail 'an altered report is not refused as not authentic'
