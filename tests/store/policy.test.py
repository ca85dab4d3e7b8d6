#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Only approved models run: what the policy lists runs with the same answer as without one, and everything else is refused with a reason, which the
audit log has too.

MOAT_FLIPS bits are flipped one at a time in a model and in its packed weights (default 120), MOAT_SWAPS times a file is exchanged between being
opened and being used (default 20, under strace)."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from serving import Server
from tap import DATA, MOAT, done, moat, ok, skip

FLIPS, SWAPS = int(os.environ.get("MOAT_FLIPS", "120")), int(os.environ.get("MOAT_SWAPS", "20"))
WORK = tempfile.mkdtemp(prefix="moat-policy-")
HOME = os.environ["MOAT_HOME"] = os.path.join(WORK, "home")
POLICY = os.path.join(HOME, "policy")
os.chdir(WORK)
A, B = "a.gguf", "b.gguf"
shutil.copy(os.path.join(DATA, "arch", "llama.gguf"), A)
shutil.copy(os.path.join(DATA, "arch", "qwen3.gguf"), B)
with open("tokens", "w") as f:
    f.write(" ".join(str(i) for i in range(3, 19)))


def bytes_of(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def runs(model=A, *more):
    """The logits of some tokens, by moat logits: bytes, or its error."""
    if os.path.exists("out"):
        os.unlink("out")
    r = moat("logits", model, "--tokens", "tokens", "--out", "out", *more)
    return (bytes_of("out") if r.status == 0 else None), r


refusals = []  # what was said of each


def refused(what, model=A, word="", status=8):
    out, r = runs(model)
    if status == 8:
        refusals.append(r.err.strip())
    ok(out is None and r.status == status and word in r.err and len(r.err.strip().splitlines()) == 1, what, r)


def signed(path, *keys, days=()):
    for i, k in enumerate(keys):
        r = moat("policy", "sign", path, "--secret", k, *(days if i == 0 else ()))
        assert r.status == 0, r


def document(path):
    return json.loads(bytes_of(path))


def edit(path, change, *keys):
    d = document(path)
    change(d)
    write(path, json.dumps(d).encode())
    if keys:
        signed(path, *keys)


def install(path="p.json", *more):
    return moat("policy", "install", path, *more)


def fresh():
    """The policy as it was first installed: version 3, two of three keys, model A."""
    shutil.rmtree(POLICY, ignore_errors=True)
    shutil.copytree("good", POLICY)


def with_policy(what, change, keys=("ann", "bo"), word="", status=8):
    """A changed policy whose files somebody has put in the place of the good ones."""
    fresh()
    shutil.copy(os.path.join(POLICY, "policy.json"), "changed.json")
    d = document("changed.json")
    change(d)
    write("changed.json", json.dumps(d).encode())
    if os.path.exists("changed.json.sig"):
        os.unlink("changed.json.sig")
    for k in keys:
        r = moat("policy", "sign", "changed.json", "--secret", k)
        if r.status:
            write("changed.json.sig", bytes_of(os.path.join(POLICY, "policy.json.sig")))
    shutil.copy("changed.json", os.path.join(POLICY, "policy.json"))
    shutil.copy("changed.json.sig", os.path.join(POLICY, "policy.json.sig"))
    refused(what, word=word, status=status)
    fresh()


auditor = moat("audit", "keygen", "auditor.key").out.strip()
r = moat("audit", "init", "--auditor", auditor)
ok(r.status == 0, "an audit log begins", r)
free, _ = runs(A)
free_b, _ = runs(B)
for k in ("ann", "bo", "cy", "eve"):
    assert moat("sign", "new", k, "--name", k).status == 0
r = moat("policy", "init", "p.json", "--key", "ann.pub", "--key", "bo.pub", "--key", "cy.pub", "--needed", "2")
ok(r.status == 0 and "version 1" in r.out, "a policy begins", r)
r = moat("policy", "add", "p.json", A, "--name", "a", "--note", "evaluated")
ok(r.status == 0 and "evaluated" in r.out, "a model is added", r)
keys = ("--key", "ann.pub", "--key", "bo.pub", "--key", "cy.pub", "--needed", "2")

# --- what is not signed as it must be is not installed ---
signed("p.json", "ann", days=("--days", "30"))
r = install("p.json", *keys)
ok(r.status == 8 and "1 good signature" in r.err, "one of two signatures", r)
signed("p.json", "eve")
r = install("p.json", *keys)
ok(r.status == 8, "a signature of somebody else does not help", r)
r = install("p.json")
ok(r.status == 2 and "--key" in r.err, "the first policy needs keys from somewhere else", r)
ok(not os.path.exists(POLICY) and runs(A)[0] == free, "nothing was installed: all models run")
signed("p.json", "bo")
r = moat("policy", "verify", "p.json", *keys)
ok(r.status == 0, "two signatures are good", r)
r = install("p.json", "--key", "ann.pub", "--key", "cy.pub", "--needed", "2")
ok(r.status == 8, "not for who trusts others", r)
r = install("p.json", *keys)
ok(r.status == 0, "it is installed", r)
shutil.copytree(POLICY, "good")

# --- what is allowed runs as before ---
out, r = runs(A)
ok(out == free, "the same logits as without a policy", r)
shutil.rmtree(os.path.join(HOME, "packs"), ignore_errors=True)
out, r = runs(A)
ok(out == free, "and without packed weights", r)
out, r = runs(A)
ok(out == free, "and again, with hashes of leaves from before", r)
os.environ.pop("LC_ALL", None)
r = moat("policy", "check", A)
ok(r.status == 0 and "policy version 3" in r.out, "check says so", r)
r = moat("run", A, "hi", "--raw", "--max-tokens", "2", "--json")
ok(r.status == 0 and json.loads(r.out)["approved"] == {"sha256": hashlib.sha256(bytes_of(A)).hexdigest(), "policy": 3},
   "an answer says by what it was allowed", r)
r = moat("policy", "show", "--json")
ok(r.status == 0 and json.loads(r.out)["version"] == 3, "show shows what counts", r)
shutil.copy(A, "other-name.gguf")
ok(runs("other-name.gguf")[0] == free, "a model is its bytes, not its name")
assert moat("import", A, "--name", "stored:1").status == 0
ok(runs("stored:1")[0] == free, "also from the store")

# --- other models ---
refused("another model", B, "not a model that the policy")
shutil.copy(B, "kept"), shutil.copy(B, A)
refused("another model under the name of the allowed one", A, "not a model that the policy")
shutil.copy(os.path.join(DATA, "arch", "llama.gguf"), A)
os.symlink(B, "link.gguf")
refused("a link to another model", "link.gguf", "not a model that the policy")
assert moat("import", B, "--name", "other:1").status == 0
refused("another one of the store", "other:1", "not a model that the policy")
data = bytes_of(A)
write("longer.gguf", data + b"\0")
refused("one more byte at its end", "longer.gguf", "not a model that the policy")
write("shorter.gguf", data[:-1])
refused("one less", "shorter.gguf", "not a model that the policy")
at = data.find(b"tokenizer.chat_template")
if at > 0:
    write("template.gguf", data[:at + 60] + bytes([data[at + 60] ^ 1]) + data[at + 61:])
    refused("a template that differs in one byte", "template.gguf")
write("empty.gguf", b"")
refused("an empty file", "empty.gguf", status=2)
for verb in (("run", B, "hi"), ("bench", B, "-p", "2", "-n", "1"), ("embed", B, "--text", "x"), ("perplexity", B, "--file", "tokens")):
    r = moat(*verb)
    ok(r.status in (2, 8) and not r.out, f"moat {verb[0]} refuses it too", r)
r = moat("run", A, "hi", "--draft", B, "--max-tokens", "2")
ok(r.status == 8 and "b.gguf" in r.err, "a draft model that is not listed", r)
r = moat("run", A, "hi", "--draft", A, "--max-tokens", "2")
ok(r.status == 8 and "not as a draft" in r.err, "one that is listed, but not as a draft", r)
r = moat("serve", "--model", B, "--listen", "127.0.0.1:0", "--preload", "true")
ok(r.status == 8 and "not a model that the policy" in r.err, "moat serve does not start with it", r)
for verb in (("logits", A, "--tokens", "tokens", "--out", "out"), ("run", A, "hi", "--raw", "--max-tokens", "1")):
    r = moat(*verb, env={"MOAT_REQUIRE_POLICY": "true"})
    ok(r.status == 0, f"moat {verb[0]} where a policy is required and there is one", r)
r = moat("show", B)
ok(r.status == 0, "looking at it is no running", r)

# --- policies that do not hold ---
day = 24 * 3600
with_policy("it has expired", lambda d: d.update(expires="2020-01-01T00:00:00Z"), word="expired")
with_policy("an older version", lambda d: d.update(version=2), word="version 2")
with_policy("signed by one", lambda d: d.update(version=9), keys=("ann",), word="1 good signature")
with_policy("signed by one and a stranger", lambda d: d.update(version=9), keys=("ann", "eve"), word="1 good signature")
with_policy("its model's time has not come", lambda d: d["models"][0].update(not_before="2099-01-01T00:00:00Z"), word="only later")
with_policy("its model's time is over", lambda d: d["models"][0].update(not_after="2020-01-01T00:00:00Z"), word="no longer")
with_policy("only as a draft", lambda d: d["models"][0].update(use=["draft"]), word="not as a model")
with_policy("an empty list", lambda d: d.update(models=[]), word="not a model that the policy")
with_policy("another tree", lambda d: d["models"][0].update(tree="0" * 64), word="not a model that the policy")
for what, change in {
        "of another format": lambda d: d.update(policy=2), "with a bound nobody knows": lambda d: d["models"][0].update(regions=["cn"]),
        "with a word nobody knows": lambda d: d.update(mode="audit"), "without keys": lambda d: d.update(keys=[]),
        "that needs more keys than it has": lambda d: d.update(needed=4), "that needs none": lambda d: d.update(needed=0),
        "whose models are no list": lambda d: d.update(models={}), "whose hash is none": lambda d: d["models"][0].update(tree="zz"),
        "whose size is none": lambda d: d["models"][0].update(size=0), "of a use nobody knows": lambda d: d["models"][0].update(use=["all"]),
        "whose time is none": lambda d: d["models"][0].update(not_after="soon"), "whose version is none": lambda d: d.update(version="7"),
        "whose expiry is none": lambda d: d.update(expires=7), "with too many packs": lambda d: d["models"][0].update(packs=[{"layout": 2, "root": "0" * 64}] * 5),
        "with a name that is too long": lambda d: d["models"][0].update(name="n" * 300)}.items():
    with_policy(f"a policy {what}", change)


def with_files(what, change, word=""):
    fresh()
    change()
    refused(what, word=word)
    fresh()


def in_policy(name):
    return os.path.join(POLICY, name)


with_files("one byte of the policy was changed", lambda: write(in_policy("policy.json"), bytes_of(in_policy("policy.json")).replace(b"evaluated", b"evaluateD")), "changed after")
with_files("its signatures are gone", lambda: os.unlink(in_policy("policy.json.sig")))
with_files("its signatures are no signatures", lambda: write(in_policy("policy.json.sig"), b"{}"))
with_files("it is gone itself", lambda: os.unlink(in_policy("policy.json")))
with_files("nobody knows who must have signed it", lambda: os.unlink(in_policy("trust.json")))
with_files("that is no JSON", lambda: write(in_policy("trust.json"), b"{"))
with_files("others may write that", lambda: os.chmod(in_policy("trust.json"), 0o666))
with_files("a link leads to that", lambda: (os.rename(in_policy("trust.json"), "elsewhere"), os.symlink(os.path.abspath("elsewhere"), in_policy("trust.json"))))
with_files("the keys there are others", lambda: edit(in_policy("trust.json"), lambda d: d.update(keys=[bytes_of("cy.pub").decode().strip()], needed=1)))
with_files("the clock there is after its end", lambda: edit(in_policy("trust.json"), lambda d: d.update(clock=int(time.time()) + 60 * day)), "expired")
with_files("it has seen a later version", lambda: edit(in_policy("trust.json"), lambda d: d.update(seen=99)), "version 99")
if shutil.which("faketime"):
    fresh()
    moat("policy", "check", A)
    r = subprocess.run(["faketime", "2020-01-01", MOAT, "policy", "check", A], capture_output=True, text=True)
    ok(r.returncode == 0, "a clock that was set back changes nothing: the time it knows counts", r)

# --- one that ends while a server runs ---
fresh()
shutil.copy(in_policy("policy.json"), "short.json")
ends = time.time() + 4
edit("short.json", lambda d: d.update(version=9, expires=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))), "ann", "bo")
for end in ("", ".sig"):
    shutil.copy("short.json" + end, in_policy("policy.json" + end))
with Server(os.path.abspath(A)) as s:
    answer = s.post("/v1/completions", {"prompt": "hi", "max_tokens": 2})
    ok(answer.status == 200 and answer.headers.get("moat-policy-version") == "9", "a server answers by a policy that ends soon", answer.body)
    try:
        status = s.process.wait(ends - time.time() + 6)
    except subprocess.TimeoutExpired:
        status = None
    ok(status == 8 and time.time() > ends - 1 and s.events("policy-ended"), "and ends with it: no model is left that may run", s.log())
fresh()

# --- packed weights ---
fresh()
runs(A)
shutil.rmtree(os.path.join(HOME, "packs"), ignore_errors=True)
shutil.rmtree(POLICY)
runs(A)  # without a policy: made and kept
pack = os.path.join(HOME, "packs", os.listdir(os.path.join(HOME, "packs"))[0])
whole = bytes_of(pack)
fresh()
ok(runs(A)[0] == free, "packed weights that are listed are used")
wrong = []
random.seed(7)
for i in range(FLIPS):
    at = random.randrange(len(whole))
    damaged = bytearray(whole)
    damaged[at] ^= 1 << random.randrange(8)
    write(pack, bytes(damaged))
    out, r = runs(A)
    if out is not None and out != free:
        wrong.append((at, r))
write(pack, whole)
ok(not wrong, f"{FLIPS} flipped bits in packed weights: refused, or not used: never another answer", wrong[:3])
wrong = []
for i in range(FLIPS):
    at = random.randrange(len(data))
    damaged = bytearray(data)
    damaged[at] ^= 1 << random.randrange(8)
    write("flipped.gguf", bytes(damaged))
    if i % 2:
        shutil.rmtree(in_policy("leaves"), ignore_errors=True)  # all is read first
    r = moat("bench", "flipped.gguf", "-p", "2", "-n", "0", "-r", "1")
    if r.status != 8 or "flipped.gguf" not in r.err:
        wrong.append((at, r))
ok(not wrong, f"{FLIPS} flipped bits in the file: {FLIPS} refusals that name it", wrong[:3])

# --- exchanged while it starts ---
if shutil.which("strace"):
    bad = 0
    for i in range(SWAPS):
        write("swap.gguf", data)
        p = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pread64", "-e", "inject=pread64:delay_enter=2000", MOAT, "logits",
                              "swap.gguf", "--tokens", "tokens", "--out", "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.005 + 0.002 * i % 0.05)
        with open("swap.gguf", "r+b") as f:
            f.write(bytes_of(B)[:len(data)])
        p.communicate()
        bad += p.returncode == 0 and bytes_of("out") != free
    ok(bad == 0, f"{SWAPS} exchanges between check and use: none ran", bad)

# --- the next policy ---
edit("p.json", lambda d: d.update(version=4, keys=[bytes_of("cy.pub").decode().strip()], needed=1), "cy")
r = install("p.json")
ok(r.status == 8, "new keys cannot bring themselves in", r)
signed("p.json", "ann", "cy")
r = install("p.json")
ok(r.status == 0 and runs(A)[0] == free, "who was trusted hands over to another key", r)
edit("p.json", lambda d: d.update(version=3), "cy")
r = install("p.json")
ok(r.status == 8 and "version 4" in r.err, "an older one is not installed", r)

# --- roles ---
def as_user(uid, *args, groups=()):
    """As this user of the system, which only root can try."""
    p = subprocess.run([MOAT, *args], capture_output=True, text=True, user=uid, group=uid, extra_groups=list(groups))
    return p.returncode, p.stderr


me = f"uid:{os.getuid()}"
with open("commands", "w") as f:
    f.write(moat("help").out)
commands = [line.split()[0] for line in bytes_of("commands").decode().splitlines() if line.startswith("  ") and line[2:3].islower()]
edit("p.json", lambda d: d.update(version=5))
r = moat("policy", "role", "p.json", me, "officer,auditor")
ok(r.status == 0 and f"{me} officer, auditor" in r.out, "who holds which role stands in the policy", r)
for who, roles in (("gid:77", "user"), ("uid:78", "user,operator"), ("uid:79", "operator"), ("uid:79", "none")):
    assert moat("policy", "role", "p.json", who, roles).status == 0
ok(document("p.json")["roles"] == {"user": ["gid:77", "uid:78"], "operator": ["uid:78"], "officer": [me], "auditor": [me]}, "and can be taken away", document("p.json"))
for who, roles in (("ann", "user"), ("uid:x", "user"), ("uid:99999999999", "user"), ("uid:1", "boss"), ("uid:1", "user,")):
    r = moat("policy", "role", "p.json", who, roles)
    ok(r.status == 2, f"{who} cannot be {roles}", r)
before = bytes_of(os.path.join(POLICY, "policy.json"))
r = install("p.json")
ok(r.status == 8 and bytes_of(os.path.join(POLICY, "policy.json")) == before, "roles count when they are signed, not before", r)
signed("p.json", "cy")
r = install("p.json")
ok(r.status == 0, "as many signatures give roles as approve models", r)
refused_here = []
for c in commands:
    r = moat(c, "x" if c == "policy" else "--none")
    has = "for another role" in r.err
    ok(has == (r.status == 8) and "(-)" not in r.err, f"moat {c} has a row", r)
    refused_here += [c] if has else []
ok({"run", "embed", "pull", "import", "rm", "serve", "key"} <= set(refused_here) and not {"policy", "audit", "list", "show", "verify", "doctor"} & set(refused_here),
   "an officer and auditor approves and reads, and does nothing else", refused_here)
r = moat("run", A, "hi")
ok(r.status == 8 and "(user)" in r.err and "(officer, auditor)" in r.err and len(r.err.strip().splitlines()) == 1, "the refusal says whose it is", r)
ok(moat("run", "--help").status == 0, "help is for all")
if os.getuid() == 0:
    os.chmod(WORK, 0o755)
    subprocess.run(["chmod", "-R", "a+rwX", HOME])
    os.chmod(in_policy("trust.json"), 0o644)
    for uid, groups, args, allowed in ((78, (), ("run", A, "hi"), True), (78, (), ("rm", "none"), True), (78, (), ("policy", "install", "p.json"), False),
                                       (90, (77,), ("run", A, "hi"), True), (90, (77,), ("rm", "none"), False), (90, (), ("run", A, "hi"), False),
                                       (90, (), ("list",), False), (79, (), ("list",), False), (78, (), ("audit", "list"), False)):
        code, err = as_user(uid, *args, groups=groups)
        ok(("for another role" in err) != allowed, f"user {uid} of groups {groups}: moat {args[0]} is {'allowed' if allowed else 'refused'}", err)
    def ask(uid, path, body=None):
        """The status of a request through the server's Unix socket, of a process of that user."""
        code = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('m.sock'); b = sys.argv[2].encode(); "
                "s.sendall(((b'POST ' if b else b'GET ') + sys.argv[1].encode() + b' HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\n"
                "Content-Length: ' + str(len(b)).encode() + b'\\r\\nConnection: close\\r\\n\\r\\n' + b)); print(s.makefile('rb').read().decode())")
        p = subprocess.run(["/usr/bin/python3", "-c", code, path, json.dumps(body) if body else ""], capture_output=True, text=True, user=uid, group=uid, extra_groups=[])
        return p.stdout
    edit("p.json", lambda d: d.update(version=20, roles={"user": ["uid:78"], "operator": ["uid:79", me], "officer": [me], "auditor": ["uid:80", me]}), "cy")
    assert install("p.json").status == 0
    with Server(os.path.abspath(A), "--listen", "unix:m.sock") as s:
        os.chmod("m.sock", 0o666)
        chat = {"prompt": "hi", "max_tokens": 2}
        for uid, path, body, status in ((78, "/v1/completions", chat, 200), (78, "/metrics", None, 403), (79, "/metrics", None, 200), (79, "/v1/completions", chat, 403),
                                        (80, "/metrics", None, 200), (81, "/v1/models", None, 403), (81, "/health", None, 200), (78, "/v1/models", None, 200)):
            out = ask(uid, path, body)
            ok(out.startswith(f"HTTP/1.1 {status} "), f"through the Unix socket user {uid} gets {status} from {path}", out)
        out = ask(78, "/v1/completions", chat)
        sha = hashlib.sha256(bytes_of(A)).hexdigest()
        ok(f"Moat-Model-Digest: sha256:{sha}\r\n".replace("\r", "") in out.replace("\r", "") and "Moat-Policy-Version: 20" in out,
           "an answer of a server says which model it is from, and by which policy", out)
else:
    skip("roles of other users", "only root can be others")
r = moat("key", "add", "watcher", "--role", "auditor", "--json")
ok(os.getuid() != 0 or (r.status == 0 and json.loads(r.out)["scopes"] == ["metrics"]), "a key has the scopes of a role", r)

# --- one that is required ---
shutil.rmtree(POLICY)
with open("config.json", "w") as f:
    f.write('{"require_policy": true}')
for verb in (("logits", A, "--tokens", "tokens", "--out", "out"), ("run", A, "hi", "--raw", "--max-tokens", "1"), ("bench", A, "-p", "2", "-n", "1"),
             ("serve", "--model", A, "--listen", "127.0.0.1:0")):
    r = moat(*verb, env={"MOAT_CONFIG": "config.json"}, limit=30)
    ok(r.status == 8 and "require_policy" in r.err and len(r.err.strip().splitlines()) == 1, f"moat {verb[0]} where one is required and none is there", r)
ok(runs(A)[0] == free, "where none is required all models run")

# --- what the auditor sees ---
r = moat("audit", "list", "--identity", "auditor.key", "--json")
records = [json.loads(line) for line in r.out.splitlines()]
said = ["moat: " + x["why"] for x in records if x.get("phase") == "end" and x.get("outcome") == "denied" and x.get("what") == "logits"]
missing = [x for x in refusals if refusals.count(x) > said.count(x)]
ok(len(refusals) >= 40 and not missing, f"{len(refusals)} refusals, each on record with its reason", missing[:3] or r)
ok(any(x["act"] == "model_refused" and x["model"] == "b" and "not a model that the policy" in x["why"] for x in records), "a server's too",
   [x for x in records if "refused" in x["act"]])
silent = [x for x in records if x.get("outcome") == "denied" and x["act"] == "command" and not x.get("why") and x["what"] != "serve"]
ok(not silent, "no command was refused without a reason", silent)
os.chdir("/")
shutil.rmtree(WORK)
done()
