#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The first journey of a stranger: a bare Debian 12 with git and make and nothing else, a clone, `make run`, an answer;
# then the same without a network; then the tests that need no model. A chroot made by debootstrap stands for the
# machine. Needs root, debootstrap and the package archive; it takes minutes and about 1.5 GB in $TMPDIR.
. "$(dirname "$0")/../lib/tap.sh"
repository=$PWD
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/moat/debs
root=$tmp/root

skip_all() {
    skip "make run on a bare Debian 12" "$1"
    done_testing
}
[ "$(id -u)" = 0 ] || skip_all "needs root"
command -v debootstrap >/dev/null || skip_all "debootstrap is not installed (scripts/setup all)"
git rev-parse -q --verify HEAD >/dev/null || skip_all "this is not a git checkout"

leave() {
    umount "$root/dev/pts" "$root/dev" "$root/proc" 2>/dev/null
    rm -rf --one-file-system "$tmp"
}
trap leave EXIT

# What a machine behind this network would have configured: proxies, mirrors, the private CA.
settings=(HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
for v in http_proxy https_proxy no_proxy PIP_INDEX_URL PIP_RETRIES PIP_DEFAULT_TIMEOUT; do
    [ -z "${!v:-}" ] || settings+=("$v=${!v}")
done
ca=${SSL_CERT_FILE:-${REQUESTS_CA_BUNDLE:-${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}}}

# inside COMMAND: on the bare machine, in the clone.
inside() { chroot "$root" env -i "${settings[@]}" bash -c "cd /root/moat && $1"; }
offline() { unshare -n chroot "$root" env -i "${settings[@]}" bash -c "cd /root/moat && $1"; }

mkdir -p "$cache"
try debootstrap --variant=minbase --include=git,make --cache-dir="$cache" bookworm "$root" "$mirror"
[ $status = 0 ] || skip_all "no bare Debian could be made: $(tail -n 1 "$tmp/out")"
rm -f "$root"/var/cache/apt/archives/*.deb
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
for f in /etc/apt/apt.conf.d/*; do
    ! grep -qi '^Acquire::' "$f" || cp "$f" "$root/etc/apt/apt.conf.d/"
done
if [ -f "$ca" ]; then
    install -D -m 644 "$ca" "$root/etc/ssl/moat-test-ca.crt"
    settings+=(SSL_CERT_FILE=/etc/ssl/moat-test-ca.crt)
fi
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
git clone -q "$repository" "$root/root/moat"

t0=$(date +%s)
try inside 'make run PROMPT="What is the capital of France?"'
echo "# make run on the bare machine: $(($(date +%s) - t0)) s, $(du -sm --one-file-system "$root" | cut -f1) MB in all"
check "make run succeeds with git and make alone" [ $status = 0 ]
check "and answers" said Paris
check "no test tool was installed for it" [ ! -e "$root/usr/include/cmocka.h" ]

t0=$(date +%s%N)
try offline 'make run PROMPT="What is the capital of France?"'
ms=$((($(date +%s%N) - t0) / 1000000))
echo "# the second make run, without a network: $ms ms"
check "a second make run needs no network" said Paris
check "and starts at once: nothing is installed, compiled or fetched" not grep -qE 'installing|  CC  |fetching' "$tmp/out"

try inside 'make test MOAT_SHARED=/nonexistent'
grep -A 12 '^FAIL' "$tmp/out" | sed 's/^/# /'
grep -E '^[0-9]+ passed' "$tmp/out" >"$tmp/sum"
cp "$tmp/sum" "$tmp/out"
check "make test passes in a stranger's clone" [ $status = 0 ]
check "and closes with its sum" grep -qE '^[0-9]+ passed, 0 failed, [0-9]+ skipped$' "$tmp/out"
sed 's/^/# make test: /' "$tmp/out"
done_testing
