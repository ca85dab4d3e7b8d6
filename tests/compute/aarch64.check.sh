#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# moat built for AArch64, and its tests under qemu-user: compute with every level of NEON kernels, gguf, text, the
# fixtures of the engine, and the logits of a real model on three processors, one for each level. How fast something is
# and how much memory it takes is not asked here: MOAT_SANITIZED gives the tests patience.
. "$(dirname "$0")/../lib/tap.sh"
target=aarch64-linux-gnu
build=$PWD/build-$target
model=${MOAT_TEST_MODELS:-}/smollm2.gguf
export MOAT_SANITIZED=1

if [ "$(uname -m)" = aarch64 ]; then
    check "this machine is an AArch64: make test runs everything" true
    done_testing
fi
if ! scripts/setup cross --check >"$tmp/out" 2>&1; then
    skip "the tests on AArch64" "no cross compiler, arm64 libraries or qemu (scripts/setup cross)"
    done_testing
fi

# MAKEFLAGS is that of the make that called us, if any.
try env -u MAKEFLAGS -u MFLAGS -u CC -u BUILD make -j"$(nproc)" CROSS=$target tests-build mo
check "it builds for AArch64" [ $status = 0 ]
[ $status = 0 ] || done_testing

# processor CPU: a build folder $tmp/CPU whose programs run on that processor.
processor() {
    local cpu=$1 program
    for program in moat $(cd "$build" && find tests -name 'test_*' -type f -executable); do
        mkdir -p "$(dirname "$tmp/$cpu/$program")"
        printf '#!/bin/sh\nexec qemu-aarch64 -cpu %s %s "$@"\n' "$cpu" "$build/$program" >"$tmp/$cpu/$program"
        chmod +x "$tmp/$cpu/$program"
    done
    ln -sfn "$build/locale" "$tmp/$cpu/locale"
}

# run CPU WHAT: the tests whose names contain WHAT.
run() {
    try python3 tests/run.py --build "$tmp/$1" --only "$2"
    check "$2 on $1: $(tail -n 1 "$tmp/out")" [ $status = 0 ]
}

# level CPU ISA: the kernels that moat chooses on this processor, and the fixtures with them.
level() {
    try "$tmp/$1/moat" bench tests/data/arch/llama.gguf -p 4 -n 1 -r 1 --json
    check "$1 takes the kernels $2" said "\"isa\":\"$2\""
    run "$1" engine/fixtures
}

# real CPU: the logits of a few tokens of a real model, into $tmp/CPU.f32.
real() {
    try "$tmp/$1/moat" logits "$model" --tokens "$tmp/ids" --out "$tmp/$1.f32"
    check "SmolLM2 runs on $1" [ $status = 0 ]
}

# agree FILE FILE: the likeliest token is the same at nearly every place.
agree() {
    python3 - "$@" <<'END'
import struct, sys
def best(path):
    b = open(path, "rb").read()
    n = len(b) // len(open(path + ".ids").read().split())
    rows = (struct.unpack(f"<{n // 4}f", b[i:i + n]) for i in range(0, len(b), n))
    return [max(range(n // 4), key=r.__getitem__) for r in rows]
a, b = map(best, sys.argv[1:])
sys.exit(not (len(a) == len(b) > 10 and sum(x == y for x, y in zip(a, b)) >= 0.85 * len(a)))
END
}

for cpu in cortex-a72 neoverse-n1 max; do
    processor $cpu
done
for what in compute/test gguf/test text/test engine/test_alloc engine/test_packed engine/test_sample_history engine/arch \
    engine/determinism; do
    run max $what
done
level cortex-a72 neon
level neoverse-n1 dotprod
level max i8mm

if [ -e "$model" ]; then
    printf 'The water of the sea is salty. The rivers carry a little salt from the rocks they pass, and' >"$tmp/text"
    "$MOAT" tokenize "$model" --file "$tmp/text" --json | sed -E 's/.*\[(.*)\].*/\1/; s/,/ /g' >"$tmp/ids"
    for cpu in cortex-a72 neoverse-n1 max; do
        real $cpu
    done
    check "with the same bits from plain NEON and SMMLA" cmp "$tmp/max.f32" "$tmp/cortex-a72.f32"
    check "and from SDOT" cmp "$tmp/max.f32" "$tmp/neoverse-n1.f32"
    try "$MOAT" logits "$model" --tokens "$tmp/ids" --out "$tmp/host.f32" --exact
    cp "$tmp/ids" "$tmp/host.f32.ids" && cp "$tmp/ids" "$tmp/max.f32.ids"
    check "and the tokens that this machine's exact sums give" agree "$tmp/host.f32" "$tmp/max.f32"
else
    skip "SmolLM2 on AArch64" "no $model: scripts/fetch-model --tests"
fi
done_testing
