#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat tokenize against llama.cpp: twelve vocabularies (its own .inp/.out pairs, 159 texts each, digests of whole files), the
prompts of the two real models, what the command accepts and refuses, and a megabyte of one character in under a second."""
import hashlib, json, lzma, os, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap

NAMES = "bert-bge command-r deepseek-llm gpt-2 llama-bpe llama-spm mpt phi-3 qwen2 qwen35 refact starcoder".split()
FOLDER = os.path.join(tap.SHARED, "conformance", "tokenizers")
DIGESTS = os.path.join(tap.SHARED, "conformance", "token-digest")
TINY = os.path.join(tap.DATA, "vocab")
PATIENCE = 30 if os.environ.get("MOAT_SANITIZED") else 1


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return f.read()


def tokenize(model, texts, *options):
    """([ids, ...] or None, Result): all texts in one process."""
    r = tap.moat("tokenize", model, "--lines", "--json", "--file", "-", *options, stdin=json.dumps(texts).encode())
    return ([json.loads(line)["tokens"] for line in r.out.splitlines()] if r.status == 0 else None), r


def first_difference(texts, got, want):
    for t, g, w in zip(texts, got, want):
        if g != w:
            k = next((i for i, (a, b) in enumerate(zip(g, w)) if a != b), min(len(g), len(w)))
            return f"{t[:60]!r}: id {k} of {len(g)} is {g[k:k + 5]}, not {w[k:k + 5]} of {len(w)}"
    return "" if len(got) == len(want) else f"{len(got)} results, not {len(want)}"


def pairs(name):
    texts = read(os.path.join(FOLDER, f"ggml-vocab-{name}.gguf.inp")).split("\n__ggml_vocab_test__\n")
    ids = [[int(x) for x in line.split()] for line in read(os.path.join(FOLDER, f"ggml-vocab-{name}.gguf.out")).split("\n")]
    if ids and not ids[-1]:
        ids.pop()
    if len(texts) == len(ids) + 1 and not texts[-1]:
        texts.pop()
    return texts, ids


def vocabulary(name, model, digests):
    texts, ids = pairs(name)
    lines = json.load(open(os.path.join(FOLDER, f"{name}.lines.json"), encoding="utf-8"))
    files = [read(os.path.join(DIGESTS, f"t_{d['text']}.txt")) for d in digests]
    got, r = tokenize(model, texts + [x["text"] for x in lines] + files, "--no-special")
    if not tap.ok(got is not None, f"{name}: runs", str(r)):
        return
    a, b = len(texts), len(texts) + len(lines)
    wrong = first_difference(texts, got[:a], ids)
    tap.ok(not wrong and a >= 46, f"{name}: {a} texts of llama.cpp", wrong)
    wrong = first_difference([x["text"] for x in lines], got[a:b], [x["tokens"] for x in lines])
    tap.ok(not wrong and b - a == 159, f"{name}: {b - a} lines", wrong)
    digest = lambda row: hashlib.sha256(" ".join(map(str, row)).encode()).hexdigest()
    wrong = [d["text"] for d, row in zip(digests, got[b:]) if digest(row) != d["sha256_of_ids_joined_by_space"]]
    tap.ok(not wrong and len(digests) == 4, f"{name}: {len(digests)} whole files", f"differ: {wrong}")
    got, r = tokenize(model, [c * (-(-(1 << 20) // len(c.encode()))) for c in ("a", " ", "\U0001f642")], "--no-special")
    tap.ok(got is not None and r.seconds < 3 * PATIENCE, f"{name}: 3 x 1 MB of one character in under 3 s", f"{r.seconds:.2f} s")


def all_vocabularies():
    if not os.path.isdir(FOLDER):
        return tap.skip("the twelve vocabularies", f"{FOLDER} is not there")
    digests = json.load(open(os.path.join(DIGESTS, "expected.json"), encoding="utf-8"))["items"]
    with tempfile.TemporaryDirectory() as d:
        for name in NAMES:
            model = os.path.join(d, name + ".gguf")
            with lzma.open(os.path.join(FOLDER, f"ggml-vocab-{name}.gguf.xz")) as f, open(model, "wb") as out:
                out.write(f.read())
            vocabulary(name, model, [x for x in digests if x["vocab"] == name])
            os.remove(model)


def real_models():
    for name, file in (("smollm2-135m-q4_1", "smollm2.gguf"), ("gemma3-270m-q4_k_m", "gemma3.gguf")):
        expected, model = os.path.join(tap.SHARED, "conformance", "models", name + ".json"), os.path.join(tap.MODELS, file)
        missing = [p for p in (expected, model) if not os.path.exists(p)]
        if missing:
            tap.skip(f"prompts of {name}", f"{missing[0]} is not there")
            continue
        prompts = json.load(open(expected, encoding="utf-8"))["prompts"]
        got, r = tokenize(model, [p["text"] for p in prompts])
        wrong = first_difference([p["text"] for p in prompts], got, [p["tokens"] for p in prompts]) if got else str(r)
        tap.ok(not wrong and prompts, f"{len(prompts)} prompts of {name}", wrong)


def command():
    bpe, spm = os.path.join(TINY, "bpe.gguf"), os.path.join(TINY, "spm.gguf")
    rows = json.load(open(os.path.join(TINY, "bpe.json"), encoding="utf-8"))
    text, plain, special = next(r for r in rows if r[0] == "<|start|>user\nHi<|end|>\n")
    with tempfile.NamedTemporaryFile() as f:
        f.write(text.encode())
        f.flush()
        r = tap.moat("tokenize", bpe, "--file", f.name, "--json")
        tap.ok(r.out == json.dumps({"tokens": special}, separators=(",", ":")) + "\n", "a file, as JSON", str(r))
        r = tap.moat("tokenize", bpe, "--file", f.name, "--json", "--no-special")
        tap.ok(r.out == json.dumps({"tokens": plain}, separators=(",", ":")) + "\n", "--no-special", str(r))
    r = tap.moat("tokenize", bpe, "--json", text)
    tap.ok(r.status == 0 and json.loads(r.out)["tokens"] == special, "a text on the command line", str(r))
    r = tap.moat("tokenize", bpe, "--json", stdin=text.encode())
    tap.ok(r.status == 0 and json.loads(r.out)["tokens"] == special, "a text on standard input", str(r))
    r = tap.moat("tokenize", bpe, "--no-special", "a\n\x1b[31mé\"")
    tap.ok(r.status == 0 and '"\\n"' in r.out and '"\\x1B"' in r.out and '"\\""' in r.out and "\x1b" not in r.out, "a table for people", str(r))
    r = tap.moat("tokenize", spm, "--json", "")
    tap.ok(r.status == 0 and json.loads(r.out)["tokens"] == [1, 2], "an empty text", str(r))
    for name, status, args, stdin in (
            ("a text and a file", 2, (bpe, "--file", "x", "text"), None), ("no model", 2, (), None),
            ("no such file", 3, (bpe, "--file", "/nonexistent"), None), ("no such model", 3, ("/nonexistent.gguf", "x"), None),
            ("--lines without an array", 2, (bpe, "--lines"), b'{"a": 1}'), ("--lines with a number", 2, (bpe, "--lines"), b'["a", 1]')):
        r = tap.moat("tokenize", *args, stdin=stdin)
        tap.ok(r.status == status and r.err.startswith("moat: ") and r.err.count("\n") == 1, f"refused: {name}", str(r))
    fixture = os.path.join(tap.SHARED, "conformance", "arch", "llama-dense.gguf")
    if os.path.exists(fixture):
        r = tap.moat("tokenize", fixture, "x")
        tap.ok(r.status == 5 and "has no tokenizer" in r.err, "refused: a model without tokenizer", str(r))


command()
all_vocabularies()
real_models()
tap.done()
