#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nothing leaves the machine: the program has no function that could dial out (moat serve only answers), and what `make run` does the
# second time it does without a network, at once.
. "$(dirname "$0")/../lib/tap.sh"
build=${MOAT_BUILD:-build}
model=${MOAT_TEST_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/moat/test-models}/smollm2.gguf
export MOAT_HOME=${MOAT_HOME:-$tmp/home}
unset MAKEFLAGS MFLAGS MAKELEVEL

nm -D --undefined-only "$build/moat" | sed 's/@.*//; s/.* //' >"$tmp/out"
check "the program's functions can be read" said mmap
check "none of them dials out or looks up a name" not grep -qxE \
    'connect|send(to|mmsg)|(uv_)?getaddrinfo|gethostby.*|res_.*|uv_(tcp|pipe)_connect|uv_udp_.*|(SSL|BIO_do)_connect|BIO_new_connect' "$tmp/out"

if [ ! -f "$model" ]; then
    skip "make run without a network" "SmolLM2 is not there (scripts/fetch-model --tests)"
    done_testing
fi
try "$build/moat" import "$model" --name smollm2:135m
check "the model is imported" [ $status = 0 ]

alone=(unshare --net --map-root-user)
"${alone[@]}" true 2>/dev/null || alone=(env http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9)
t0=$(date +%s%N)
try "${alone[@]}" make --no-print-directory run BUILD="$build" PROMPT="What is the capital of France?"
ms=$((($(date +%s%N) - t0) / 1000000))
echo "# a second make run: $ms ms, with ${alone[0]}"
check "a second make run needs no network" [ $status = 0 ]
check "it answers" said Paris
check "nothing is installed, compiled or fetched again" not grep -qE 'installing|  CC  |fetching' "$tmp/out"
done_testing
