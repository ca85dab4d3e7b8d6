#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat quantize: which tensor gets which format, that nothing else changes, the same bytes with any number of threads and any
instruction set, that a quantised model still computes nearly the same; moat imatrix against its definition; what is refused."""
import array
import json
import os
import random
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gguf_mini import *  # noqa: E402,F403
from tap import *  # noqa: E402,F403

work = tempfile.TemporaryDirectory()
NAMES = {0: "F32", 1: "F16", 2: "Q4_0", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 20: "IQ4_NL",
         23: "IQ4_XS", 30: "BF16"}
N_LAYER = 8


def path(name):
    return os.path.join(work.name, name)


def floats_of(values):
    a = array.array("f", values)
    if sys.byteorder == "big":
        a.byteswap()
    return a.tobytes()


def many(tied, seed=1):
    """A file of eight layers with rows of 256 and of 96: nobody runs it."""
    f = File(os.path.join(DATA, "arch", "llama.gguf"))
    f.set("llama.block_count", U32, N_LAYER).set("llama.attention.head_count", U32, 8).set("llama.attention.head_count_kv", U32, 2)
    rng = random.Random(seed)
    weights = lambda n: floats_of(rng.gauss(0, 1) for _ in range(n))  # noqa: E731
    f.tensors = [Tensor("token_embd.weight", [256, 12], 0, weights(3072)), Tensor("output_norm.weight", [256], 0, weights(256))]
    if not tied:
        f.tensors.append(Tensor("output.weight", [256, 12], 0, weights(3072)))
    for i in range(N_LAYER):
        for name, shape in (("attn_q", [256, 4]), ("attn_v", [256, 4]), ("attn_output", [256, 4]), ("ffn_down", [256, 4]), ("ffn_up", [96, 4]), ("attn_norm", [256])):
            n = shape[0] * (shape[1] if len(shape) > 1 else 1)
            f.tensors.append(Tensor(f"blk.{i}.{name}.weight", shape, 0, weights(n)))
    return f


def quantised(model, *options, **more):
    out = path("out.gguf")
    return out, moat("quantize", model, out, "--force", *options, **more)


def types(out):
    return {t.name: NAMES.get(t.kind, t.kind) for t in File(out).tensors}


model = many(False).write(path("many.gguf"))
tied = many(True).write(path("tied.gguf"))

# --- the mixes ------------------------------------------------------------------------------------
out, r = quantised(model, "--type", "Q4_K_M")
got = types(out) if r.status == 0 else {}
OUTER = [i for i in range(N_LAYER) if i < 1 or i >= 7 or (i - 1) % 3 == 2]
ok([got.get(f"blk.{i}.ffn_down.weight") for i in range(N_LAYER)] == ["Q6_K" if i in OUTER else "Q4_K" for i in range(N_LAYER)], "Q4_K_M: the ends of outer and every third blocks are Q6_K", r)
ok([got.get(n) for n in ("token_embd.weight", "output.weight", "output_norm.weight", "blk.3.attn_q.weight", "blk.3.attn_norm.weight", "blk.3.ffn_up.weight")] ==
   ["Q4_K", "Q6_K", "F32", "Q4_K", "F32", "Q5_0"], "Q4_K_M: embedding, output, norms, and rows of 96", got)
before, after = File(model), File(out)
ok([k for k in before.kv if k[0] not in ("general.file_type", "general.quantization_version")] == [k for k in after.kv if k[0] not in ("general.file_type", "general.quantization_version")] and
   after.get("general.file_type") == 15, "all other metadata are as they were")
ok([t.data for t in before.tensors if len(t.shape) == 1] == [t.data for t in after.tensors if len(t.shape) == 1], "vectors are byte for byte as they were")
out, r = quantised(tied, "--type", "Q4_K_S")
got = types(out) if r.status == 0 else {}
ok(got.get("token_embd.weight") == "Q6_K" and got.get("blk.3.attn_v.weight") == "Q5_K" and got.get("blk.4.attn_v.weight") == "Q4_K", "Q4_K_S of a model whose embedding is its output", got)
for mix, wanted in (("Q8_0", "Q8_0"), ("q6_k", "Q6_K"), ("Q2_K", "Q2_K"), ("IQ4_XS", "IQ4_XS"), ("F16", "F16"), ("bf16", "BF16"), ("Q5_K", "Q5_K")):
    out, r = quantised(model, "--type", mix)
    ok(r.status == 0 and types(out)["blk.5.attn_q.weight"] == wanted, f"--type {mix}", r)
out, r = quantised(model, "--type", "Q4_K_M", "--tensor", "blk.*.attn_q.weight=Q8_0", "--tensor", "*q*=Q2_K", "--tensor", "*.ffn_up.*=Q6_K")
got = types(out) if r.status == 0 else {}
ok(got.get("blk.0.attn_q.weight") == "Q8_0" and got.get("blk.3.ffn_up.weight") == "Q8_0" and got.get("blk.2.attn_output.weight") == "Q4_K", "--tensor: the first that fits; a row of 96 in Q6_K becomes Q8_0", got)


def bytes_of(*options, **more):
    out, r = quantised(model, *options, **more)
    return open(out, "rb").read() if r.status == 0 else str(r)


for mix in ("Q4_K_M", "Q2_K"):
    one = bytes_of("--type", mix, "--threads", 1)
    ok(isinstance(one, bytes) and bytes_of("--type", mix, "--threads", 3) == one, f"{mix}: three threads write the same bytes")
    ok(bytes_of("--type", mix, env={"MOAT_ISA": "ref"}) == one, f"{mix}: the plain code writes the same bytes")

# --- a model that runs ----------------------------------------------------------------------------
small = path("small.gguf")
r = moat("quantize", os.path.join(DATA, "arch", "llama.gguf"), small, "--type", "F32", "--requantize")
ok(r.status == 0 and set(types(small).values()) == {"F32"}, "--type F32 --requantize decodes", r)
ids = read_ids(os.path.join(DATA, "arch", "llama.tokens")) if os.path.exists(os.path.join(DATA, "arch", "llama.tokens")) else list(range(5, 45))
whole, r = logits(small, ids, "--exact")
before, r = logits(os.path.join(DATA, "arch", "llama.gguf"), ids, "--exact")
ok(difference(whole, before) < 1e-4, "and the decoded model computes what the file did", r)
size = (sum(x * x for x in whole) / len(whole))**0.5
for mix, most in (("Q8_0", 0.03), ("Q5_0", 0.25), ("Q4_0", 0.5)):
    out, r = quantised(small, "--type", mix)
    got, r = logits(out, ids, "--exact")
    error = (sum((a - b)**2 for a, b in zip(got or [], whole)) / len(whole))**0.5 / size if got else 9
    ok(0 < error < most, f"a quantised model, {mix}: logits differ by {error:.4f} of their size", r)

# --- the importance matrix ------------------------------------------------------------------------
TEXT = open(os.path.join(ROOT, "LICENSE")).read()[:3000]
text, matrix = file(work.name, "text", TEXT), path("imatrix.gguf")
r = moat("imatrix", small, text, "-o", matrix, "--context", 32, "--chunks", 3, "--threads", 2)
ok(r.status == 0, "moat imatrix", r)
m = File(matrix)
tokens = json.loads(moat("tokenize", small, "--file", text, "--json", "--no-special").out)["tokens"][:96]
source = File(small)
embedding, norm = (array.array("f", source.tensor(n).data) for n in ("token_embd.weight", "blk.0.attn_norm.weight"))
WIDTH = 96
sums = [0.0] * WIDTH
for token in tokens:
    row = embedding[WIDTH * token:WIDTH * (token + 1)]
    scale = (sum(x * x for x in row) / WIDTH + 1e-5)**-0.5
    for i, x in enumerate(row):
        sums[i] += (x * scale * norm[i])**2
got = array.array("f", m.tensor("blk.0.attn_q.weight.in_sum2").data)
ok(max(abs(a / b - 1) for a, b in zip(got, sums)) < 1e-3 and struct.unpack("<f", m.tensor("blk.1.ffn_down.weight.counts").data)[0] == 96,
   "sums of squares are those of the normed embeddings, counts those of the tokens")
ok(m.get("general.type") == "imatrix" and m.get("imatrix.chunk_count") == 3 and m.get("imatrix.chunk_size") == 32 and m.get("imatrix.datasets") == (STR, [text]), "the file says what it was made of")
out, r = quantised(small, "--type", "Q4_0", "--imatrix", matrix)
with_matrix = {t.name: t.data for t in File(out).tensors} if r.status == 0 else {}
without = {t.name: t.data for t in File(quantised(small, "--type", "Q4_0")[0]).tensors}
ok(with_matrix.get("blk.2.attn_k.weight") != without["blk.2.attn_k.weight"] and with_matrix.get("blk.0.attn_norm.weight") == without["blk.0.attn_norm.weight"], "--imatrix changes how matrices are rounded", r)


# --- what is refused ------------------------------------------------------------------------------
def refused(label, status, word, *options, of=model):
    out = path("absent.gguf")
    r = moat("quantize", of, out, *options)
    ok(r.status == status and len(r.err.splitlines()) == 1 and word in r.err and not os.path.exists(out), f"refused: {label}", r)


refused("no type", 2, "--type")
refused("a type that is none", 2, "Q4_K_S", "--type", "Q4_K_N")
refused("an override without a type", 2, "PATTERN=TYPE", "--type", "Q8_0", "--tensor", "attn_q")
refused("one bit without an importance matrix", 2, "imatrix", "--type", "IQ1_S")
again, _ = quantised(model, "--type", "Q8_0")
os.rename(again, path("again.gguf"))
refused("weights that are quantised already", 2, "--requantize", "--type", "Q4_0", of=path("again.gguf"))
out, r = quantised(path("again.gguf"), "--type", "Q4_K_M", "--requantize")
ok(r.status == 0 and types(out)["blk.1.attn_q.weight"] == "Q4_K", "--requantize does it all the same", r)
f = many(False)
f.tensor("blk.6.attn_q.weight").data = floats_of([float("nan")]) + f.tensor("blk.6.attn_q.weight").data[4:]
refused("a weight that is no number", 4, "blk.6.attn_q.weight", "--type", "Q4_K_M", of=f.write(path("nan.gguf")))
refused("an importance matrix of another model", 4, "other sizes", "--type", "Q8_0", "--imatrix", matrix)
refused("an importance matrix that is none", 5, "moat imatrix", "--type", "Q8_0", "--imatrix", model)
refused("a file that is not there", 3, "", "--type", "Q8_0", of=path("nowhere.gguf"))
r = moat("quantize", model, model, "--type", "Q8_0")
ok(r.status == 2 and "--force" in r.err, "a file that is there is not replaced unasked", r)
done()
