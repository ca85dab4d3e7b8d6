#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat quantize against llama.cpp's quantiser: errors, perplexity, speed; and what 4 bits cost a search by embeddings.

usage: bench/quantize.py errors MODEL.gguf [TYPE...]       squared error of each format on MODEL's matrices, speed of both, one thread
       bench/quantize.py perplexity MODEL.gguf [TYPE...]   the files that both make, read by moat; --chunks N windows of 512; --imatrix FILE
       bench/quantize.py retrieval MINILM.gguf [TYPE...]   passages of manuals (Lua, libuv) against the code of their functions: MRR; --texts N
MODEL is F32, F16 or BF16; `moat quantize X.gguf Y.gguf --type F32 --requantize` makes one of any. Needs numpy and gguf, and for the peer
llama-cpp-python: run it with the Python of the peers (bench/RESULTS.md). Prints Markdown rows.
"""
import argparse
import ctypes
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

import gguf
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MOAT = os.environ.get("MOAT", os.path.join(ROOT, "build", "moat"))
TOOL = os.path.join(os.path.dirname(MOAT), "tests", "compute", "test_quant_encode")
SHARED = os.environ.get("MOAT_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
CHARACTERS = 400  # of a text: what the shortest context here holds of code
FORMATS = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4 TQ1_0 TQ2_0 IQ3_S IQ3_XXS IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S".split()
MIXES = "Q8_0 Q6_K Q5_K_M Q4_K_M Q4_K_S IQ4_XS Q4_0 Q3_K_M Q2_K".split()
FILE_TYPE = {"Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_S": 11, "Q3_K_M": 12, "Q3_K_L": 13, "Q4_K_S": 14, "Q4_K_M": 15,
             "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30, "IQ3_M": 27, "IQ3_S": 26, "IQ2_M": 29}


class Peer:
    """ggml_quantize_chunk and llama_model_quantize, by ctypes."""

    def __init__(self):
        import llama_cpp
        self.api = llama_cpp
        self.lib = ctypes.CDLL(glob.glob(os.path.join(os.path.dirname(llama_cpp.__file__), "lib", "libggml-base.so"))[0])
        self.lib.ggml_quantize_chunk.restype = ctypes.c_size_t
        self.lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]

    def encode(self, name, x, weights):
        """(bytes, seconds of one thread)"""
        t = GGMLQuantizationType[name]
        block, size = GGML_QUANT_SIZES[t]
        out = np.zeros(x.size // block * size, np.uint8)
        self.lib.ggml_quantize_init(int(t))  # tables that are made once
        start = time.process_time()
        self.lib.ggml_quantize_chunk(int(t), x.ctypes.data, out.ctypes.data, 0, x.shape[0], x.shape[1], None if weights is None else weights.ctypes.data)
        return out, time.process_time() - start

    def file(self, model, out, name, threads):
        p = self.api.llama_model_quantize_default_params()
        p.nthread, p.ftype, p.allow_requantize = threads, FILE_TYPE[name], True
        self.api.llama_log_set(LOG, None)
        start = time.time()
        if self.api.llama_model_quantize(model.encode(), out.encode(), ctypes.byref(p)):
            raise SystemExit(f"the peer cannot make {name}")
        return time.time() - start


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def LOG(level, text, data):
    pass


def run(*args, **more):
    r = subprocess.run([str(a) for a in args], capture_output=True, **more)
    if r.returncode:
        raise SystemExit(f"{args}: {r.stderr.decode()}")
    return r.stdout


def ours(name, x, weights, folder):
    path = os.path.join(folder, "importance")
    if weights is not None:
        np.broadcast_to(weights, x.shape).astype(np.float32).tofile(path)
    return np.frombuffer(run(TOOL, "encode", name, *([] if weights is None else [path]), input=x.tobytes()), np.uint8)


def decoded(name, data, shape):
    return quants.dequantize(data, GGMLQuantizationType[name]).astype(np.float64).reshape(shape)


def matrices(path, most):
    """Some of the model's, F32, with rows of whole blocks."""
    left = most
    for t in gguf.GGUFReader(path).tensors:
        n = int(t.shape[0])
        if len(t.shape) == 2 and n % 256 == 0 and left > 0 and "token_embd" not in t.name:
            rows = min(int(t.shape[1]), max(1, left // n))
            left -= rows * n
            data = quants.dequantize(np.asarray(t.data), t.tensor_type).astype(np.float32).reshape(-1, n)
            yield t.name, np.ascontiguousarray(data[:rows])


def errors(model, names, most):
    peer = Peer()
    print("| format | bits | error, moat | llama.cpp | ratio | with importance | million weights/s, moat | llama.cpp |\n|---|---|---|---|---|---|---|---|")
    rng = np.random.default_rng(1)
    data = [(x, (rng.standard_normal(x.shape[1])**2 + 0.05).astype(np.float32)) for _, x in matrices(model, most)]
    for name in names:
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
        sums = np.zeros((2, 2))
        seconds, n = 0.0, 0
        with tempfile.TemporaryDirectory() as folder:
            for x, w in data:
                for weighted in (0, 1):
                    weights = w if weighted else None
                    needs = name in ("IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ1_M")
                    b, s = peer.encode(name, x, weights if weighted else np.ones_like(w) if needs else None)
                    for i, y in enumerate((decoded(name, ours(name, x, weights, folder), x.shape), decoded(name, b, x.shape))):
                        sums[weighted][i] += ((w if weighted else 1) * (y - x)**2).sum()
                    if not weighted:
                        seconds += s
                        n += x.size
        speed = [line.split()[1] for line in run(TOOL, "speed", name).decode().splitlines()]
        print(f"| {name} | {8 * size / block:.2f} | {sums[0][0] / n:.3e} | {sums[0][1] / n:.3e} | {sums[0][0] / sums[0][1]:.3f} | {sums[1][0] / sums[1][1]:.3f} "
              f"| {speed[0] if speed else '-'} | {n / seconds / 1e6:.1f} |", flush=True)


def perplexity(path, text, chunks):
    return json.loads(run(MOAT, "perplexity", path, "--file", text, "--chunks", chunks, "--json"))["perplexity"]


def mixes(model, names, chunks, imatrix, threads):
    peer = Peer()
    text = os.path.join(SHARED, "data", "wikitext2", "wiki.test.raw")
    whole = perplexity(model, text, chunks)
    print(f"| type | MiB, moat | llama.cpp | perplexity, moat ({whole:.3f} unquantised) | llama.cpp | {'with an importance matrix, moat | ' if imatrix else ''}"
          f"seconds, moat | llama.cpp |\n|{'---|' * (8 if imatrix else 7)}")
    with tempfile.TemporaryDirectory() as folder:
        a, b = os.path.join(folder, "a.gguf"), os.path.join(folder, "b.gguf")
        for name in names:
            start = time.time()
            run(MOAT, "quantize", model, a, "--type", name, "--force", "--threads", threads)
            took = time.time() - start
            theirs = peer.file(model, b, name, threads)
            mine = perplexity(a, text, chunks)
            size, other = os.path.getsize(a) / 2**20, os.path.getsize(b) / 2**20
            extra = ""
            if imatrix:
                run(MOAT, "quantize", model, a, "--type", name, "--force", "--imatrix", imatrix)
                extra = f"{perplexity(a, text, chunks):.3f} | "
            print(f"| {name} | {size:.1f} | {other:.1f} | {mine:.3f} | {perplexity(b, text, chunks):.3f} | {extra}{took:.2f} | {theirs:.2f} |", flush=True)


def embed(model, texts):
    lines = "\n".join(" ".join(t.split())[:CHARACTERS] for t in texts)
    out = run(MOAT, "embed", model, "--json", input=lines.encode())
    return np.array([json.loads(line)["embedding"] for line in out.decode().splitlines()])


def reciprocal_rank(model, queries, documents):
    scores = embed(model, queries) @ embed(model, documents).T
    right = np.diag(scores)[:, None]
    return float((1 / (1 + (scores > right).sum(1))).mean())


def retrieval(model, names, most):
    with gzip.open(os.path.join(SHARED, "data", "apidoc", "c-apidoc-manual.jsonl.gz"), "rt") as f:
        rows = [json.loads(line) for line in f][:most]
    queries, documents = [r["reference"] for r in rows], [f'{r["declaration"]} {r["code"]}' for r in rows]
    whole, size = reciprocal_rank(model, queries, documents), os.path.getsize(model)
    print(f"| type | MiB | of the size | MRR | loss |\n|---|---|---|---|---|\n| as it is | {size / 2**20:.1f} | 100 % | {whole:.4f} | |")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "q.gguf")
        for name in names:
            run(MOAT, "quantize", model, out, "--type", name, "--force")
            got, small = reciprocal_rank(out, queries, documents), os.path.getsize(out)
            print(f"| {name} | {small / 2**20:.1f} | {100 * small / size:.1f} % | {got:.4f} | {100 * (1 - got / whole):.1f} % |", flush=True)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("what", choices=("errors", "perplexity", "retrieval"))
    p.add_argument("model")
    p.add_argument("types", nargs="*")
    p.add_argument("--chunks", default=8, type=int)
    p.add_argument("--weights", default=2 << 20, type=int)
    p.add_argument("--texts", default=359, type=int)
    p.add_argument("--imatrix")
    p.add_argument("--threads", default=os.cpu_count(), type=int)
    a = p.parse_args()
    if a.what == "errors":
        errors(a.model, a.types or FORMATS, a.weights)
    elif a.what == "perplexity":
        mixes(a.model, a.types or MIXES, a.chunks, a.imatrix, a.threads)
    else:
        retrieval(a.model, a.types or ["Q8_0", "Q4_K_M", "Q4_0", "IQ4_NL"], a.texts)


if __name__ == "__main__":
    sys.exit(main())
