#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat convert: one tiny model of each family as transformers saved it (tests/reference/make_hf.py) gives the logits and the
token ids that transformers gave; what would change the computation, and what is damaged, is refused."""
import json
import os
import shutil
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gguf_mini import File  # noqa: E402
from tap import *  # noqa: E402,F403

HF = os.path.join(DATA, "hf")
work = tempfile.TemporaryDirectory()
SPM = ("llama", "phi3")  # SentencePiece puts a blank before any text, the tokenizers package not before one that begins with one
# moat embed keeps keys and values in F16. Where the model was stored in 16 bits transformers had rounded its frequencies of positions too.
TOLERANCE = {"bert": 3e-4, "llama": 1e-3, "mistral": 1e-2, "qwen3": 1e-2, "gemma3": 1e-2}
TYPE = {"f32": 0, "f16": 1, "bf16": 30}


def converted(folder, *options):
    out = os.path.join(work.name, "out.gguf")
    return out, moat("convert", folder, "-o", out, "--force", *options)


def computed(model, name, expected):
    if name != "bert":
        return logits(model, expected["ids"], "--exact", "--kv", "f32")
    r = moat("embed", model, "--json", "--exact", "--", expected["texts"][0])
    wanted = floats(os.path.join(HF, name, "expected.f32"))
    size = sum(x * x for x in wanted)**0.5  # moat's have length 1
    return [x * size for x in json.loads(r.out or "{}").get("embedding", [])], r


def tokens_of(model, texts):
    with tempfile.TemporaryDirectory() as d:
        r = moat("tokenize", model, "--lines", "--file", file(d, "lines.json", json.dumps(texts)), "--json")
    return [json.loads(line)["tokens"] for line in r.out.splitlines()], r


def check_family(name):
    folder = os.path.join(HF, name)
    expected = json.load(open(os.path.join(folder, "expected.json")))
    wanted = floats(os.path.join(folder, "expected.f32"))
    model, r = converted(folder)
    ok(r.status == 0 and not r.err, f"{name}: is converted", r)
    if r.status:
        return
    got, r = computed(model, name, expected)
    worst, size = difference(list(got) if got else None, list(wanted)), max(abs(x) for x in wanted)
    ok(worst <= TOLERANCE.get(name, 1e-5) * max(1, size),
       f"{name}: numbers are those of transformers: largest difference {worst:.1e} of {size:.1f}", r)
    got, r = tokens_of(model, expected["texts"])
    if name in SPM:
        got, expected["tokens"] = ([t for t, text in zip(ids, expected["texts"]) if text[0] != " "] for ids in (got, expected["tokens"]))
    ok(got == expected["tokens"], f"{name}: token ids are those of transformers", f"{r}\n{got}\n{expected['tokens']}")


FAMILIES = sorted(os.listdir(HF))
for family in FAMILIES:
    check_family(family)

for name, n in TYPE.items():
    model, r = converted(os.path.join(HF, "qwen2"), "--type", name, "--name", "Tiny")
    f = File(model) if r.status == 0 else None
    ok(f and f.get("general.name") == "Tiny" and {t.kind for t in f.tensors if len(t.shape) > 1} == {n} and {t.kind for t in f.tensors if len(t.shape) == 1} == {0},
       f"--type {name}: matrices are stored so, vectors as F32", r)


# --- what is refused ------------------------------------------------------------------------------
def copy(name):
    to = os.path.join(work.name, "copy")
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(os.path.join(HF, name), to)
    return to


def edit(path, change):
    with open(path) as f:
        data = json.load(f)
    change(data)
    with open(path, "w") as f:
        json.dump(data, f)


def refused(label, status, folder, *words):
    out = os.path.join(work.name, "absent.gguf")
    r = moat("convert", folder, "-o", out)
    ok(r.status == status and len(r.err.splitlines()) == 1 and all(w in r.err for w in words) and not os.path.exists(out), f"refused: {label}", r)


def config(name, label, status, word, **values):
    folder = copy(name)
    edit(os.path.join(folder, "config.json"), lambda d: d.update(values))
    refused(label, status, folder, word)


config("llama", "an unknown family", 5, "mamba9", model_type="mamba9")
config("qwen2", "another activation", 5, "hidden_act", hidden_act="gelu")
config("qwen2", "positions of an unknown kind", 5, "dynamic", rope_scaling={"type": "dynamic", "factor": 2.0})
config("qwen2", "a number of layers beyond all bounds", 4, "num_hidden_layers", num_hidden_layers=10**12)
config("llama", "heads that rows cannot be shared among", 4, "5 heads", num_attention_heads=5)
config("bert", "relative positions", 5, "position_embedding_type", position_embedding_type="relative_key")


def rewrite(folder, change):
    """model.safetensors with another header; change may return other bytes for the whole."""
    path = os.path.join(folder, "model.safetensors")
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack_from("<Q", data)[0]
    head = json.loads(data[8:8 + n])
    whole = change(head)
    text = json.dumps(head).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data[8 + n:] if whole is None else whole(data))


def tensors(label, status, word, change):
    folder = copy("qwen2")
    rewrite(folder, change)
    refused(label, status, folder, word)


NORM, EMBED = "model.norm.weight", "model.embed_tokens.weight"
tensors("a tensor that has no place", 5, "model.magic", lambda h: h.update({"model.magic": h.pop(NORM)}))
tensors("weights in FP8", 5, "F8_E4M3", lambda h: h[EMBED].update(dtype="F8_E4M3", shape=[h[EMBED]["shape"][0], 128]))
tensors("a shape that is not that of the data", 4, "its shape", lambda h: h[NORM].update(shape=[33]))
tensors("data beyond the end", 4, "not inside", lambda h: h[NORM].update(data_offsets=[10**9, 10**9 + 128]))
tensors("tensors that overlap", 4, "overlap", lambda h: h[NORM].update(data_offsets=[4, 132]))
tensors("a file that ends early", 4, "", lambda h: lambda data: data[:-40])
tensors("a header beyond the end", 4, "header", lambda h: lambda data: struct.pack("<Q", 1 << 25) + data[8:])
tensors("a header beyond all bounds", 6, "header", lambda h: lambda data: struct.pack("<Q", 1 << 60) + data[8:])
folder = copy("llama")
index = os.path.join(folder, "model.safetensors.index.json")
edit(index, lambda d: d["weight_map"].update({NORM: "../../secret.safetensors"}))
refused("an index that leads elsewhere", 4, folder, "beside")
folder = copy("qwen2")
edit(os.path.join(folder, "tokenizer.json"), lambda d: d["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex="[a-z]+"))
refused("a rule of splitting nobody knows", 5, folder, "--pre")
model, r = converted(folder, "--pre", "qwen2")
ok(r.status == 0, "--pre says which it is", r)
folder = copy("llama")
with open(os.path.join(folder, "tokenizer.model"), "r+b") as f:
    f.truncate(3000)
refused("a tokenizer.model that is cut short", 4, folder, "tokenizer.model")
refused("a folder without a model", 3, work.name, "config.json")
folder = copy("qwen2")
for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
    os.remove(os.path.join(folder, name))
model, r = converted(folder)
ok(r.status == 0 and "no tokenizer" in r.err, "without a tokenizer: converted, and said", r)
r = moat("convert", os.path.join(HF, "qwen2"), "-o", model)
ok(r.status == 2 and "--force" in r.err, "a file that is there is not replaced unasked", r)
done()
