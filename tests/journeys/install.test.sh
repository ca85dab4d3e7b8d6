#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make install, uninstall and dist: what they put, that it runs from there, what they take away, and that the source
# archive is the same every time.
. "$(dirname "$0")/../lib/tap.sh"
build=${MOAT_BUILD:-build}
unset MOAT_LOCALEDIR MAKEFLAGS MFLAGS MAKELEVEL
make() { command make --no-print-directory BUILD="$build" DESTDIR="$tmp/root" PREFIX=/usr "$@"; }

try make install
check "make install DESTDIR= PREFIX= succeeds" [ $status = 0 ]
check "it touches nothing outside" [ "$(ls "$tmp/root")" = usr ]
try "$tmp/root/usr/bin/moat" --version
check "the installed program runs" grep -q '^moat [0-9]' "$tmp/out"
try env -u LC_ALL LANG=zh_CN.UTF-8 "$tmp/root/usr/bin/moat" nonsense
check "and finds its Chinese messages where it was put" said 未知命令
check "with the exit status of the error table" [ $status = 2 ]

mkdir -p "$tmp/root/usr/share/locale/zh_CN/LC_MESSAGES"
echo other >"$tmp/root/usr/share/locale/zh_CN/LC_MESSAGES/other.mo"
try make uninstall
check "make uninstall succeeds" [ $status = 0 ]
check "it says what stays" said .local/share/moat
check "it leaves what others put there, and nothing of ours" \
    [ "$(cd "$tmp/root" && find . -type f)" = ./usr/share/locale/zh_CN/LC_MESSAGES/other.mo ]

if git rev-parse -q --verify HEAD >/dev/null 2>&1; then
    command make -s BUILD="$tmp/a" dist >"$tmp/out" 2>&1
    command make -s BUILD="$tmp/b" dist >>"$tmp/out" 2>&1
    check "make dist gives the same archive every time" cmp "$tmp"/a/moat-*.tar.xz "$tmp"/b/moat-*.tar.xz
    tar -tf "$tmp"/a/moat-*.tar.xz >"$tmp/out"
    check "which holds the sources under one folder" [ "$(cut -d/ -f1 "$tmp/out" | sort -u)" = "moat-$("$build/moat" --version | cut -d' ' -f2)" ]
else
    skip "make dist" "this is not a git checkout"
fi
done_testing
