# SPDX-License-Identifier: Apache-2.0
# What every shell test needs: TAP lines, a scratch folder $tmp, and $tmp/out for what was said. Sourced, not run.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0 bad=0
: >"$tmp/out"

# check NAME COMMAND...: one TAP line; what was said is shown where the command fails.
check() {
    local name=$1
    shift
    n=$((n + 1))
    if "$@"; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        tail -n 20 "$tmp/out" | sed 's/^/# /'
        bad=1
    fi
}

# skip NAME WHY
skip() {
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}

said() { grep -qF -- "$1" "$tmp/out"; }
not() { ! "$@"; }

# try COMMAND...: runs it, its words in $tmp/out, its exit status in $status.
try() {
    status=0
    "$@" >"$tmp/out" 2>&1 </dev/null || status=$?
}

done_testing() {
    echo "1..$n"
    exit $bad
}
