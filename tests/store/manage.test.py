#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The store's other verbs: create, export, gc, verify (every flipped bit), an older FORMAT, what other programs keep."""
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
import gguf_mini as g
from tap import DATA, MOAT, done, file, moat, ok, skip

WORK = tempfile.mkdtemp(prefix="moat-store-")
HOME = os.environ["MOAT_HOME"] = os.path.join(WORK, "home")
os.environ["HOME"] = os.path.join(WORK, "user")
for variable in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
    os.environ.pop(variable, None)
A, B = os.path.join(DATA, "arch", "llama.gguf"), os.path.join(DATA, "arch", "gemma3.gguf")
CHAT = os.path.join(WORK, "chat.gguf")


def sha(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def fresh():
    shutil.rmtree(HOME, ignore_errors=True)


def manifest(model, tag="latest"):
    return json.load(open(os.path.join(HOME, "manifests", model, tag + ".json")))


def blobs():
    return sorted(os.listdir(os.path.join(HOME, "blobs")))


def exporting():
    fresh()
    settings = file(WORK, "s.json", '{"temperature": 0.5, "stop_sequences": ["x"]}')
    moat("import", A, "--name", "m:1", "--config", settings)
    out, conf = os.path.join(WORK, "out.gguf"), os.path.join(WORK, "out.json")
    r = moat("export", "m:1", out, "--config", conf, "--json")
    ok(r.status == 0 and sha(out) == sha(A) and json.loads(r.out)["digest"] == "sha256:" + sha(A), "export writes the file byte for byte", r)
    fresh()
    r = moat("import", out, "--name", "m:1", "--config", conf)
    ok(r.status == 0 and manifest("m", "1")["settings"] == {"temperature": 0.5, "stop_sequences": ["x"]} and blobs() == ["sha256-" + sha(A)],
       "and import takes it back with its settings", r)
    r = moat("export", "m:1", out)
    ok(r.status == 2 and "--force" in r.err, "a file that is there is not replaced", r)
    ok(moat("export", "m:1", out, "--force").status == 0, "unless it may be")
    ok(moat("export", "m:1", WORK).status == 2 and moat("export", "x:1", out, "--force").status == 3, "nor a folder; nor comes a model that is not there")
    blob = os.path.join(HOME, "blobs", "sha256-" + sha(A))
    os.chmod(blob, 0o644)
    with open(blob, "r+b") as f:
        f.seek(150000)
        f.write(b"x")
    os.remove(out)
    r = moat("export", "m:1", out)
    ok(r.status == 4 and "damaged" in r.err and not os.path.exists(out), "a damaged one is not written", r)


def collecting():
    fresh()
    ok(moat("gc").status == 0 and not os.path.exists(HOME), "gc makes no store")
    moat("import", A, "--name", "m:1")
    moat("bench", "m:1", "-p", "4", "-n", "1", "-r", "1")
    moat("bench", B, "-p", "4", "-n", "1", "-r", "1")
    packs = os.path.join(HOME, "packs")
    ok(len(os.listdir(packs)) == 2, "two packs")
    file(os.path.join(HOME, "blobs"), "sha256-" + "0" * 64, b"x" * 1000)
    file(os.path.join(HOME, "blobs"), "incoming.tmp-abcdef", b"x" * 1000)
    os.makedirs(os.path.join(HOME, "partial"))
    for name in ("url-old", "url-new"):
        file(os.path.join(HOME, "partial"), name + ".data", b"x" * 5000)
        file(os.path.join(HOME, "partial"), name + ".journal", b"x")
    old = time.time() - 40 * 86400
    for ending in (".data", ".journal"):
        os.utime(os.path.join(HOME, "partial", "url-old" + ending), (old, old))
    r = moat("gc", "--json")
    j = json.loads(r.out)
    ok(r.status == 0 and j["blobs"] == 1000 and j["partial"] > 0 and j["packs"] == 0, "gc removes what nobody names", r)
    ok(blobs() == ["sha256-" + sha(A)] and sorted(os.listdir(os.path.join(HOME, "partial"))) == ["url-new.data", "url-new.journal"],
       "and keeps models and young pulls")
    r = moat("gc", "--all", "--json")
    ok(json.loads(r.out)["packs"] > 0 and len(os.listdir(packs)) == 1 and not os.listdir(os.path.join(HOME, "partial")),
       "gc --all also young pulls, and packs of files that are not in the store", r)
    ok(moat("verify", "m:1").status == 0, "the model is whole")
    file(os.path.join(HOME, "manifests", "m"), "2.json", "{")
    file(os.path.join(HOME, "blobs"), "sha256-" + "1" * 64, b"x")
    ok(moat("gc").status == 0 and len(blobs()) == 2, "with a manifest that cannot be read every blob stays")


def flips(rounds, each):
    """Every flipped bit is found, and the right file is named."""
    fresh()
    source = random.Random(7)
    models = []
    for i in range(each):
        f = g.File(A)
        if i:  # the first one can run
            f.tensors.append(g.Tensor("ballast", [64], 0, source.randbytes(256)))
        path = os.path.join(WORK, "m.gguf")
        f.write(path)
        moat("import", path, "--name", f"m{i}:1", "--config", file(WORK, "s.json", '{"temperature": 0.5}'))
        models.append((f"m{i}:1", os.path.join(HOME, "blobs", "sha256-" + sha(path)), os.path.join(HOME, "manifests", f"m{i}", "1.json")))
    moat("bench", "m0:1", "-p", "4", "-n", "1", "-r", "1")
    pack = os.path.join(HOME, "packs", os.listdir(os.path.join(HOME, "packs"))[0])
    found = wrong = flipped = 0
    for _ in range(rounds):
        hit = [(name, source.choice([blob, blob, blob, manifest])) for name, blob, manifest in models]
        undo = []
        for _, path in hit + [("", pack)]:
            os.chmod(path, 0o644)
            with open(path, "r+b") as f:
                at = source.randrange(os.path.getsize(path))
                f.seek(at)
                byte = f.read(1)[0]
                f.seek(at)
                f.write(bytes([byte ^ 1 << source.randrange(8)]))
            undo.append((path, at, byte))
        r = moat("verify", "--json")
        j = json.loads(r.out)
        bad = {m["name"] for m in j["models"] if not m["ok"]}
        flipped += len(hit) + 1
        found += len(bad & {name for name, _ in hit}) + len(j["damaged_packs"])
        wrong += r.status != 4
        for path, at, byte in undo:
            with open(path, "r+b") as f:
                f.seek(at)
                f.write(bytes([byte]))
    r = moat("verify", "--json")
    ok(r.status == 0 and all(m["ok"] for m in json.loads(r.out)["models"]), "what was mended is whole again", r)
    ok(found == flipped and not wrong, f"verify finds {flipped} of {flipped} flipped bits in blobs, manifests and packs", f"{found} found, {wrong} wrong exits")


def formats():
    fresh()
    moat("import", A, "--name", "m:1", "--config", file(WORK, "s.json", '{"temperature": 0.5}'))
    path = os.path.join(HOME, "manifests", "m", "1.json")
    ok(open(os.path.join(HOME, "FORMAT")).read() == "2\n" and "check" in manifest("m", "1"), "a new store has format 2")
    first = manifest("m", "1")
    del first["check"]
    def downgrade():
        file(os.path.dirname(path), "1.json", json.dumps(first))
        file(HOME, "FORMAT", "1\n")
    downgrade()
    r = moat("show", "m:1", "--key", "general.architecture")
    ok(r.status == 0 and open(os.path.join(HOME, "FORMAT")).read() == "1\n", "format 1 is read as it is", r)
    r = moat("import", B, "--name", "n:1")
    ok(r.status == 0 and open(os.path.join(HOME, "FORMAT")).read() == "2\n" and manifest("m", "1")["check"], "what writes brings it to format 2", r)
    ok({k: v for k, v in manifest("m", "1").items() if k != "check"} == first and moat("verify").status == 0, "and loses nothing")
    ps = []
    downgrade()
    for i in range(6):
        ps.append(subprocess.Popen([MOAT, "import", A, "--name", f"c:{i}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    ok(all(p.wait() == 0 for p in ps) and moat("verify").status == 0, "six at once bring it up and all succeed")
    del first["size"]
    file(os.path.dirname(path), "1.json", json.dumps(first))
    ok(moat("show", "m:1").status == 4, "a manifest without its check sum is refused there")
    for text, status in (("3\n", 5), ("x\n", 4), ("0\n", 4), ("", 4)):
        file(HOME, "FORMAT", text)
        for command in (["list"], ["gc"], ["verify"], ["import", A, "--name", "x"], ["export", "m:1", os.path.join(WORK, "o.gguf")], ["catalog", "list"]):
            r = moat(*command)
            if r.status != status:
                break
        ok(r.status == status, f"FORMAT {text!r} is refused by every command", f"{command}\n{r}")
    file(HOME, "FORMAT", "2\n")


def creating():
    fresh()
    moat("import", CHAT, "--name", "base")
    made = file(WORK, "Modelfile", '# mine\nFROM base\nPARAMETER temperature 0.25\nparameter num_ctx 64\nPARAMETER stop "</s>"\nPARAMETER stop END\n'
                'PARAMETER num_gpu 99\nTEMPLATE """{{ .Prompt }}"""\nSYSTEM """\nYou are a pirate.\nArr."""\nMESSAGE user Hello\nMESSAGE assistant "Ahoy"\nLICENSE MIT\n')
    r = moat("create", "pirate:1", "-f", made)
    m = manifest("pirate", "1")
    ok(r.status == 0 and m["settings"] == {"temperature": 0.25, "context_window": 64, "stop_sequences": ["</s>", "END"]}, "create: parameters become settings", r)
    ok("TEMPLATE was not taken" in r.err and "num_gpu was not taken" in r.err, "what is not taken is said", r)
    ok([x["role"] for x in m["opening"]] == ["system", "user", "assistant"] and m["opening"][0]["content"] == "\nYou are a pirate.\nArr." and m["licence"] == "MIT",
       "the words are kept", m)
    ok(len(blobs()) == 1, "the bytes are kept once")
    r = moat("run", "pirate:1", "Who are you?", "--max-tokens", "1", "--verbose", "--json")
    n = json.loads(r.out).get("prompt_tokens") if r.status == 0 else None
    r2 = moat("run", "base", "Who are you?", "--max-tokens", "1", "--json")
    n2 = json.loads(r2.out).get("prompt_tokens") if r2.status == 0 else None
    ok(n and n2 and n > n2, "and every conversation begins with them", f"{r}\n{r2}")
    r3 = moat("run", "pirate:1", "Who are you?", "--max-tokens", "1", "--json", "--system", "x")
    n3 = json.loads(r3.out).get("prompt_tokens") if r3.status == 0 else None
    r4 = moat("run", "base", "Who are you?", "--max-tokens", "1", "--json", "--system", "x")
    n4 = json.loads(r4.out).get("prompt_tokens") if r4.status == 0 else None
    ok(n3 and n4 and n4 < n3 < n, "a system message of the user's replaces the model's, examples stay", f"{n4} {n3} {n}")
    doc = file(WORK, "m.json", json.dumps({"from": "pirate:1", "parameters": {"temperature": 1}, "settings": {"max_tokens": 5}}))
    r = moat("create", "second", "-f", doc, "--json")
    m = manifest("second")
    ok(r.status == 0 and m["settings"] == {"temperature": 1, "context_window": 64, "stop_sequences": ["</s>", "END"], "max_tokens": 5} and len(m["opening"]) == 3,
       "from a model: its settings and words, ours over them", f"{r}\n{m}")
    shutil.copy(A, os.path.join(WORK, "near.gguf"))
    r = moat("create", "third", "-f", file(WORK, "Modelfile", "FROM ./near.gguf\n"))
    ok(r.status == 0 and manifest("third")["digest"] == "sha256:" + sha(A), "from a file beside the Modelfile", r)
    r = moat("create", "fourth", "-f", "-", "--json", limit=20)
    ok(r.status == 2 and "FROM is missing" in r.err, "nothing on standard input", r)
    for text, words in (("FROM base\nPARAMETER temprature 1\n", 'did you mean "temperature"'), ("FROM base\nPARAMETER temperature hot\n", "temperature"),
                        ("FROM base\nADAPTER x\n", "no adapters"), ("FROM base\nRUN x\n", "no instruction"), ("FROM base\nSYSTEM \"\"\"x\n", "at its end"),
                        ("FROM base\nFROM base\n", "once"), ("SYSTEM x\n", "FROM is missing"), ("FROM base\nMESSAGE tool x\n", "user or assistant"),
                        ('{"from": "base", "colour": 1}', "no key"), ('{"from": 1}', "must be texts"), ("FROM nothing:here\n", "nothing:here")):
        r = moat("create", "bad", "-f", file(WORK, "Modelfile", text))
        if not ok(r.status in (2, 3, 5) and words in r.err and not os.path.exists(os.path.join(HOME, "manifests", "bad")), f"refused: {text[:40]!r} ({words})", r):
            break


def foreign():
    fresh()
    user = os.environ["HOME"]
    # Ollama
    store = os.path.join(user, ".ollama", "models")
    os.makedirs(os.path.join(store, "blobs"))
    os.makedirs(os.path.join(store, "manifests/registry.ollama.ai/library/tiny"))
    shutil.copy(A, os.path.join(store, "blobs", "sha256-" + sha(A)))
    layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + sha(A), "size": 1}]
    file(os.path.join(store, "manifests/registry.ollama.ai/library/tiny"), "1b", json.dumps({"layers": layers}))
    # Hugging Face
    hub = os.path.join(user, ".cache/huggingface/hub/models--org--repo")
    os.makedirs(os.path.join(hub, "blobs"))
    os.makedirs(os.path.join(hub, "snapshots/c0ffee/q"))
    os.makedirs(os.path.join(hub, "refs"))
    file(os.path.join(hub, "refs"), "main", "c0ffee")
    shutil.copy(B, os.path.join(hub, "blobs", sha(B)))
    os.symlink("../../../blobs/" + sha(B), os.path.join(hub, "snapshots/c0ffee/q/m.gguf"))
    # LM Studio
    os.makedirs(os.path.join(user, ".lmstudio/models/pub/repo"))
    shutil.copy(A, os.path.join(user, ".lmstudio/models/pub/repo/x.gguf"))
    for name, architecture in (("ollama:tiny:1b", "llama"), ("hf:org/repo/q/m.gguf", "gemma3"), ("hf:org/repo/q/m.gguf@c0ffee", "gemma3"), ("lmstudio:pub/repo/x.gguf", "llama")):
        r = moat("show", name, "--key", "general.architecture")
        ok(r.status == 0 and r.out.strip() == architecture, f"{name} is read where it lies", r)
    ok(not os.path.exists(HOME), "nothing is copied for that")
    r = moat("list", "--all", "--json")
    names = {m["name"]: m["digest"] for m in json.loads(r.out)["models"]}
    ok(names == {"ollama:tiny:1b": "sha256:" + sha(A), "hf:org/repo/q/m.gguf@c0ffee": "sha256:" + sha(B), "lmstudio:pub/repo/x.gguf": ""}, "list --all shows them", r)
    for name in ("ollama:tiny", "ollama:../../x", "hf:org/repo/none.gguf", "hf:org/../x/y.gguf", "lmstudio:../models/pub/repo/x.gguf", "lmstudio:", "hf:"):
        r = moat("show", name)
        ok(r.status == 3 and "is not on this machine; looked in" in r.err, f"{name} is not there", r)
    r = moat("create", "mine", "-f", file(WORK, "Modelfile", "FROM ollama:tiny:1b\nPARAMETER top_k 3\n"))
    ok(r.status == 0 and manifest("mine")["digest"] == "sha256:" + sha(A), "create takes one as its base", r)
    file(os.path.join(store, "manifests/registry.ollama.ai/library/tiny"), "bad", json.dumps({"layers": [dict(layers[0], digest="sha256:../../../etc/passwd")]}))
    file(os.path.join(store, "manifests/registry.ollama.ai/library/tiny"), "worse", "[" * 100000)
    ok(moat("show", "ollama:tiny:bad").status == 3 and moat("show", "ollama:tiny:worse").status == 3 and moat("list", "--all").status == 0, "manifests that are hostile are not followed")


def read_only():
    """A disk that cannot be written: what only reads works, what writes says so."""
    fresh()
    moat("import", A, "--name", "m:1")
    script = file(WORK, "ro.sh", f"""
mount -t tmpfs none /mnt && cp -a "$MOAT_HOME/." /mnt/ && mount -o remount,ro /mnt || exit 99
export MOAT_HOME=/mnt
for c in "list" "verify" "show m:1" "export m:1 {WORK}/ro.gguf --force" "catalog search qwen3"; do {MOAT} $c >/dev/null || exit 1; done
for c in "import {B} --name n" "create n -f {WORK}/Modelfile" "gc" "rm m:1" "cp m:1 n" "catalog remove built-in"; do
    {MOAT} $c >/dev/null 2>{WORK}/err; s=$?
    [ $s = 11 ] || {{ echo "$c: $s"; cat {WORK}/err; exit 2; }}
done
{MOAT} verify m:1
""")
    file(WORK, "Modelfile", "FROM m:1\n")
    enter = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]
    if subprocess.run(enter + ["mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode:
        skip("a read-only disk", "this user may not mount a file system")
        return
    p = subprocess.run(enter + ["bash", script], capture_output=True, text=True)
    ok(p.returncode == 0 and "intact" in p.stdout, "on a read-only disk reading works, and writing says that it cannot", p.stdout + p.stderr)


def chat_model():
    """A model that can be talked to: the fixture with a vocabulary would be large, so one from the shared models is used where it is there."""
    from tap import MODELS
    path = os.path.join(MODELS, "smollm2.gguf")
    if os.path.exists(path):
        os.link(path, CHAT) if os.stat(path).st_dev == os.stat(WORK).st_dev else shutil.copy(path, CHAT)
    return os.path.exists(CHAT)


exporting()
collecting()
flips(20, 49)
formats()
foreign()
read_only()
if chat_model():
    creating()
else:
    skip("create", "the test models are not there (scripts/fetch-model --tests)")
shutil.rmtree(WORK, ignore_errors=True)
done()
