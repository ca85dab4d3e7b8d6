#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make AIRGAP=1: no libcurl, no function that dials, the profile cannot be left, and it answers.
. "$(dirname "$0")/../lib/tap.sh"
model=${MOAT_TEST_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/moat/test-models}/smollm2.gguf
export MOAT_HOME=${MOAT_HOME:-$tmp/home}
unset MAKEFLAGS MFLAGS MAKELEVEL

try make --no-print-directory AIRGAP=1
check "it builds" [ $status = 0 ]
moat=build-airgap/moat
nm -D --undefined-only $moat | sed 's/@.*//; s/.* //' >"$tmp/out"
check "its functions can be read" said mmap
check "none of them is libcurl's" not grep -q '^curl_' "$tmp/out"
check "none of them dials or looks up a name" not grep -qxE 'connect|send(to|mmsg)|(uv_)?getaddrinfo|gethostby.*|res_.*' "$tmp/out"
readelf -d $moat >"$tmp/out"
check "libcurl is not loaded" not grep -q curl "$tmp/out"
try $moat attest
check "nothing is reached, of eight roles" said "31 channels x 8 roles, 0 reached"
try $moat pull http://127.0.0.1:1/m.gguf --name a:b
check "it fetches nothing, and says so" [ $status = 5 ]
try $moat ps
check "moat ps says that it connects to nothing" [ $status = 5 ]
try $moat serve --model nosuch:model --airgap false
check "the profile cannot be left" [ $status != 0 ]
if [ -f "$model" ]; then
    try $moat run "$model" "What is the capital of France?" --temperature 0
    check "it answers" said Paris
else
    skip "an answer" "SmolLM2 is not there (scripts/fetch-model --tests)"
fi
done_testing
