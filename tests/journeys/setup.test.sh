#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The set-up scripts: they install only what is missing, need no root when nothing is, and name the host that failed.
. "$(dirname "$0")/../lib/tap.sh"

# tools FOLDER NAME...: a PATH of its own with these programs and nothing else.
tools() {
    local folder=$1 t
    shift
    mkdir -p "$folder"
    for t in "$@"; do
        ln -sf "$(command -v "$t")" "$folder/$t"
    done
}
# stub FILE LINE...: a program made of these lines.
stub() {
    local file=$1
    shift
    printf '%s\n' '#!/bin/bash' "$@" >"$file"
    chmod +x "$file"
}
plain="bash sed grep head tail mktemp rm id env cat tr"

stub "$tmp/apt-get" 'exit 1'
PATH=$tmp:$PATH scripts/setup build >"$tmp/out" 2>&1
check "with everything there, nothing is installed and no root is needed" [ $? = 0 -a ! -s "$tmp/out" ]

# shellcheck disable=SC2086
tools "$tmp/bare" $plain
PATH=$tmp/bare scripts/setup build >"$tmp/out" 2>&1
check "without apt-get it fails" [ $? = 1 ]
check "and says what to install" said "gcc libc6-dev make pkg-config libjansson-dev libpcre2-dev"

stub "$tmp/bare/apt-get" "echo \"\$@\" >>$tmp/calls"
stub "$tmp/bare/sudo" 'exec "$@"'
PATH=$tmp/bare scripts/setup build >"$tmp/out" 2>&1
check "apt-get is asked for what is missing, without recommended packages" \
    grep -q -- '--no-install-recommends gcc libc6-dev make' "$tmp/calls"
check "a package that installs but does not help is reported" said "installed, but still not usable: gcc"

: >"$tmp/calls"
stub "$tmp/bare/gcc" 'exit 0'
stub "$tmp/bare/pkg-config" '[ "$2" != libpcre2-8 ]'
for t in make msgfmt python3; do stub "$tmp/bare/$t" 'exit 0'; done
PATH=$tmp/bare scripts/setup build >"$tmp/out" 2>&1
check "what is there is not installed again" grep -q -- '--no-install-recommends libpcre2-dev$' "$tmp/calls"
check "test tools are not part of the build level" not grep -q -e cmocka -e clang -e valgrind "$tmp/calls"

stub "$tmp/bare/dpkg" "echo \"dpkg \$@\" >>$tmp/calls"
stub "$tmp/bare/uname" 'echo x86_64'
: >"$tmp/calls"
PATH=$tmp/bare scripts/setup cross >"$tmp/out" 2>&1
check "for AArch64, the architecture is added before the lists are read" \
    [ "$(sed -n -e '1p' -e '2s/.* //p' "$tmp/calls" | tr '\n' ,)" = "dpkg --add-architecture arm64,update," ]
check "and its libraries are asked for" grep -q -- ' gcc-aarch64-linux-gnu qemu-user .*libpcre2-dev:arm64' "$tmp/calls"

stub "$tmp/bare/apt-get" \
    'echo "E: Failed to fetch http://mirror.invalid/debian/x.deb  Could not connect to mirror.invalid:80"; exit 100'
PATH=$tmp/bare scripts/setup build >"$tmp/out" 2>&1
check "a failed download fails" [ $? = 1 ]
check "and names the host" said "could not download from mirror.invalid"

XDG_CACHE_HOME=$tmp/cache PIP_FIND_LINKS='' PIP_RETRIES=0 PIP_INDEX_URL=https://mirror.invalid/simple \
    scripts/fetch-model --tests >"$tmp/out" 2>&1
check "a model that cannot be fetched fails" [ $? = 1 ]
check "and names the host of PIP_INDEX_URL" said "could not download from mirror.invalid"

XDG_CACHE_HOME=$tmp/cache PIP_FIND_LINKS='' PIP_RETRIES=0 PIP_INDEX_URL=https://mirror.invalid/simple \
    scripts/setup build >"$tmp/out" 2>&1
check "sources that cannot be fetched fail the set-up" [ $? = 1 ]
check "and the host of PIP_INDEX_URL is named" said "could not download from mirror.invalid"
check "nothing half fetched stays" [ -z "$(ls -d "$tmp"/cache/moat/llhttp-* "$tmp"/cache/moat/fetch.* 2>/dev/null)" ]
mkdir -p "$tmp/cache/moat/llhttp-9.3.0.0/lib"
touch "$tmp/cache/moat/llhttp-9.3.0.0/lib/llhttp.h"
XDG_CACHE_HOME=$tmp/cache PIP_FIND_LINKS='' PIP_RETRIES=0 PIP_INDEX_URL=https://mirror.invalid/simple \
    scripts/setup build >"$tmp/out" 2>&1
check "sources that are there are not fetched again" [ $? = 0 -a ! -s "$tmp/out" ]

tools "$tmp/offline" bash sed grep dirname cat
stub "$tmp/offline/python3" 'echo "the network was asked"; exit 1'
stub "$tmp/moat" 'echo "[{\"name\": \"smollm2:135m\"}]"'
PATH=$tmp/offline MOAT=$tmp/moat scripts/fetch-model >"$tmp/out" 2>&1
check "a model in the store is not fetched again" [ $? = 0 -a ! -s "$tmp/out" ]

scripts/setup nonsense >"$tmp/out" 2>&1
check "an unknown level is a usage error" [ $? = 2 ]
done_testing
