#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commonest mistakes and what moat says of them, in English and Chinese, with the exit status.

Every case makes its files in an empty folder and runs one command there. What comes out is compared with
errors.golden, sizes of memory left out; `errors.test.py --update` writes that file anew: read the difference before you
commit it. An error is one line on stderr (a memory sum has more) and nothing on stdout, and takes no time."""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import gguf_mini as g
from tap import DATA, MOAT, ROOT, done, ok

GOLDEN = os.path.join(ROOT, "tests", "journeys", "errors.golden")
LOCALES = os.environ.get("MOAT_LOCALEDIR", os.path.join(ROOT, "build", "locale"))
LIMIT_S = 5


def model():
    return g.File(os.path.join(DATA, "arch", "llama.gguf"))


def header(version=3, tensors=0, kv=0, magic=b"GGUF", order="<"):
    return magic + struct.pack(order + "IQQ", version, tensors, kv)


def text(name, content):
    with open(name, "w") as f:
        f.write(content)


def data(name, content):
    with open(name, "wb") as f:
        f.write(content)


def sound(name="model.gguf"):
    model().write(name)


def wheel(name, members):
    with zipfile.ZipFile(name, "w") as z:
        for member, content in members.items():
            z.writestr(member, content)


def twice():
    f = model()
    f.kv.append(list(f.kv[0]))
    f.write("model.gguf")


def unknown_weights():
    f = model()
    b = f.bytes()
    t = f.tensors[0]
    at = b.index(g.pack_string(t.name)) + len(g.pack_string(t.name)) + 4 + 8 * len(t.shape)
    data("model.gguf", b[:at] + struct.pack("<I", 77) + b[at + 4:])


def splits():
    f = model()
    f.set("split.no", g.U16, 0).set("split.count", g.U16, 2).set("split.tensors.count", g.I32, len(f.tensors) + 1)
    f.write("model-00001-of-00002.gguf")


def extra_tensor():
    f = model()
    t = f.tensors[-1]
    f.tensors.append(g.Tensor("blk.0.attn_magic.weight", t.shape, t.kind, t.data))
    f.write("model.gguf")


RUN = ["run", "model.gguf", "Hello", "--threads", "1"]
# (title, what makes the files, arguments[, standard input])
CASES = [
    ("unknown command", None, ["rum"]),
    ("unknown command, nothing near", None, ["frobnicate"]),
    ("two precisions", sound, RUN + ["--exact", "--fast"]),
    ("unknown option", sound, RUN + ["--temprature", "0.3"]),
    ("an option without its value", sound, ["run", "model.gguf", "Hello", "--memory"]),
    ("a value that is not a number", sound, RUN + ["--max-tokens", "many"]),
    ("a value out of range", sound, RUN + ["--temperature", "-1"]),
    ("a bad size", sound, RUN + ["--memory", "12X"]),
    ("a layer on a GPU", sound, ["run", "model.gguf", "Hello", "--num-gpu", "1"]),
    ("an argument is missing", None, ["run"]),
    ("an argument too many", None, ["show", "a.gguf", "b.gguf"]),
    ("no such file", None, ["run", "model.gguf", "Hello"]),
    ("no such model", None, ["run", "qwen3:8b", "Hello"]),
    ("a bad model name", None, ["run", "Qwen3:8B:latest", "Hello"]),
    ("a folder", lambda: os.mkdir("model.gguf"), RUN),
    ("an empty file", lambda: text("model.gguf", ""), RUN),
    ("a text file", lambda: text("model.gguf", "<html>404 not found</html>"), RUN),
    ("a safetensors file", lambda: data("model.gguf", struct.pack("<Q", 64) + b'{"__metadata__":{"format":"pt"}}' + bytes(64)), RUN),
    ("a zip file", lambda: wheel("model.gguf", {"a": "b"}), RUN),
    ("GGUF version 1", lambda: data("model.gguf", header(version=1)), RUN),
    ("a GGUF version to come", lambda: data("model.gguf", header(version=4)), RUN),
    ("a big-endian file", lambda: data("model.gguf", header(order=">")), RUN),
    ("cut in the header", lambda: data("model.gguf", model().bytes()[:1000]), RUN),
    ("cut in the weights", lambda: data("model.gguf", model().bytes()[:-100]), RUN),
    ("absurd counts", lambda: data("model.gguf", header(tensors=1 << 60, kv=1 << 60)), RUN),
    ("a key twice", twice, RUN),
    ("weights of an unknown type", unknown_weights, RUN),
    ("a part of a split model is missing", splits, ["run", "model-00001-of-00002.gguf", "Hello"]),
    ("an architecture not supported", lambda: model().set("general.architecture", g.STR, "mamba").write("model.gguf"), RUN),
    ("a key is missing", lambda: model().drop("llama.embedding_length").write("model.gguf"), RUN),
    ("a tensor is missing", lambda: model().drop_tensor("blk.1.ffn_up.weight").write("model.gguf"), RUN),
    ("a tensor nobody uses", extra_tensor, RUN),
    ("no tokenizer", lambda: model().drop("tokenizer.ggml.model").write("model.gguf"), RUN),
    ("a tokenizer not supported", lambda: model().set("tokenizer.ggml.model", g.STR, "rwkv").write("model.gguf"), RUN),
    ("a pre-tokenizer not known", lambda: model().set("tokenizer.ggml.pre", g.STR, "martian").write("model.gguf"), RUN),
    ("a chat template with an error", lambda: model().set("tokenizer.chat_template", g.STR, "{% for m in messages %}").write("model.gguf"), RUN),
    ("too little memory", sound, RUN + ["--memory", "100K"]),
    ("a prompt longer than the context", sound, ["run", "model.gguf", "one two three four five six seven eight nine ten", "--threads", "1", "--context", "8"]),
    ("a context longer than any", sound, RUN + ["--context", "99999999999"]),
    ("a prompt that is not text", sound, ["run", "model.gguf"], b"\xff\xfe\x00"),
    ("a config file that is not there", sound, RUN + ["--config", "paste.json"]),
    ("a config file that is not JSON", lambda: (sound(), text("paste.json", '{"temperature": 0.3,}')), RUN + ["--config", "paste.json"]),
    ("a config key not known", lambda: (sound(), text("paste.json", '{"context_windw": 8192}')), RUN + ["--config", "paste.json"]),
    ("a config value out of range", lambda: (sound(), text("paste.json", '{"temperature": -0.3}')), RUN + ["--config", "paste.json"]),
    ("a config value of the wrong type", lambda: (sound(), text("paste.json", '{"max_tokens": "256"}')), RUN + ["--config", "paste.json"]),
    ("a config key twice", lambda: (sound(), text("paste.json", '{"top_k": 1, "top_k": 2}')), RUN + ["--config", "paste.json"]),
    ("importing with a wrong digest", sound, ["import", "model.gguf", "--name", "a:b", "--sha256", "0" * 64]),
    ("importing without a name", sound, ["import", "model.gguf"]),
    ("importing under a bad name", sound, ["import", "model.gguf", "--name", "../etc/passwd"]),
    ("pulling a name that no catalogue has", None, ["pull", "qwen3:9b"]),
    ("a verb of catalogues that is none", None, ["catalog", "serch", "coder"]),
    ("an audit log for nobody", lambda: None, ["audit", "init", "--dir", "log"]),
    ("an audit log for a key that is none", lambda: None, ["audit", "init", "--dir", "log", "--auditor", "age1xyz"]),
    ("no audit log to check", lambda: os.mkdir("log"), ["audit", "verify", "--dir", "log"]),
    ("an audit log without a key", lambda: None, ["audit", "list", "--dir", "log"]),
    ("an audit log that is none", lambda: (os.mkdir("log"), text("log/00000001.log", "no log")), ["audit", "verify", "--dir", "log"]),
    ("a catalogue without a key", lambda: text("c.json", "{}"), ["catalog", "add", "c.json", "--name", "site"]),
    ("a catalogue that is none", lambda: text("c.json", "[]"), ["catalog", "add", "c.json", "--name", "site", "--unsigned"]),
    ("creating without a Modelfile", None, ["create", "mine"]),
    ("a Modelfile with a wrong word", lambda: text("Modelfile", "FROM x\nPARAMETR top_k 3\n"), ["create", "mine"]),
    ("pushing to what is no registry", None, ["push", "x:1", "https://host.invalid/x"]),
    ("a model that Ollama has not", None, ["run", "ollama:nothing:here", "Hello"]),
    ("pulling from where nobody listens", None, ["pull", "http://127.0.0.1:1/model.gguf", "--retries", "1"]),
    ("pulling without a name for it", None, ["pull", "https://host.invalid/"]),
    ("pulling with a digest that is none", None, ["pull", "https://host.invalid/model.gguf", "--sha256", "abc"]),
    ("importing a wheel without a model", lambda: wheel("pkg-1.0-py3-none-any.whl", {"pkg/__init__.py": ""}), ["import", "pkg-1.0-py3-none-any.whl", "--name", "a:b"]),
    ("verifying a bundle without a key", None, ["bundle", "verify", "site.moat"]),
    ("a bundle that is none", sound, ["bundle", "verify", "model.gguf", "--key", "ed25519:Yl8Aow3ONYB09V/4tvd+K4EOAeOfr2IISixX+s/Quz8="]),
    ("examining a machine that is not there", None, ["doctor", "--root", "nowhere"]),
    ("a remedy that is none", None, ["doctor", "--fix", "--only", "magic"]),
    ("asking a server that is not there", None, ["ps", "--at", "http://127.0.0.1:1"]),
    ("asking a socket that is not there", None, ["ps", "--at", "unix:moat.sock"]),
    ("asking at what is no address", None, ["ps", "--at", "localhost:8080"]),
    ("stopping nothing", None, ["stop"]),
    ("serving what is not there", None, ["serve", "--model", "nothing"]),
    ("a time that is none", None, ["serve", "--model", "a", "--keep-alive", "soon"]),
    ("removing what is not there", None, ["rm", "smollm2:135m"]),
    ("a metadata key that is not there", sound, ["show", "model.gguf", "--key", "llama.context_lenght"]),
    ("a template that stops by itself", lambda: (text("t.jinja", "{{ raise_exception('roles must alternate') }}"), text("c.json", "{}")),
     ["template", "t.jinja", "--context", "c.json"]),
    ("an instruction set not built in", lambda: (sound(), text("ids", "1 2 3")), ["env:MOAT_ISA=sse9", "logits", "model.gguf", "--tokens", "ids", "--out", "o"]),
    ("token ids that are none", lambda: (sound(), text("ids", "1 two 3")), ["logits", "model.gguf", "--tokens", "ids", "--out", "o"]),
]


def run(make, arguments, given, language):
    """What one command says, as it goes into the golden file."""
    folder = tempfile.mkdtemp()
    here = os.getcwd()
    try:
        os.chdir(folder)
        if make:
            make()
        env = {"PATH": os.environ["PATH"], "LANG": language, "MOAT_LOCALEDIR": LOCALES, "MOAT_HOME": os.path.join(folder, "home"), "HOME": folder, "COLUMNS": "100"}
        env.update(a[4:].split("=") for a in arguments if a.startswith("env:"))
        p = subprocess.run([MOAT, *(a for a in arguments if not a.startswith("env:"))], env=env, input=given or b"", capture_output=True, timeout=LIMIT_S)
        said = (p.stderr + (b"" if p.returncode else b"(no error)\n") + (b"stdout: " + p.stdout if p.stdout else b"")).decode("utf-8", "replace")
        return p.returncode, re.sub(r" *\d+\.\d+ ?(MiB|GiB|G\b)", r" N \1", said.replace(folder, "$HERE"))
    except subprocess.TimeoutExpired:
        return -1, f"(no end after {LIMIT_S} s)\n"
    finally:
        os.chdir(here)
        shutil.rmtree(folder)


def block(title, make, arguments, given=None):
    status, english = run(make, arguments, given, "C.UTF-8")
    _, chinese = run(make, arguments, given, "zh_CN.UTF-8")
    words = " ".join(f'"{a}"' if " " in a or not a else a for a in arguments).replace("env:", "")
    return f"# {title}\n$ moat {words}\n[{status}]\n{english}{chinese}"


def plain(text_):
    """An error says what is wrong, not where the program stumbled."""
    return not any(w in text_ for w in ("(no error)", "(no end", "Assertion", "stdout:", "internal"))


def main():
    found = {title: block(title, *rest) for title, *rest in CASES}
    if sys.argv[1:] == ["--update"]:
        with open(GOLDEN, "w") as f:
            f.write("\n".join(found.values()))
        return
    with open(GOLDEN) as f:
        golden = {b.split("\n")[0]: b.rstrip("\n") for b in ("# " + b for b in ("\n" + f.read()).split("\n# ")[1:])}
    ok(len(CASES) >= 40, f"{len(CASES)} mistakes are known")
    for title, said in found.items():
        want = golden.get("# " + title, "(not in errors.golden)")
        ok(said.rstrip("\n") == want and plain(said), title, f"--- expected\n{want}\n--- said\n{said}")
    ok(not set(golden) - {"# " + t for t in found}, "the golden file holds nothing else", "\n".join(golden))
    done()


main()
