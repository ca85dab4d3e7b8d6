#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens a second that llama.cpp (PyPI llama-cpp-python, run by the interpreter it is installed for) decodes for several
sequences at once: N steps of one token each after a context of a few. Prints one line of JSON.

usage: peer_batch.py MODEL.gguf [-b 8] [-n 64] [-d 16] [-t THREADS] [-r 3]
"""
import argparse, ctypes, json, os, sys, time
import llama_cpp as L

ap = argparse.ArgumentParser()
ap.add_argument("model"); ap.add_argument("-b", type=int, default=8); ap.add_argument("-n", type=int, default=64)
ap.add_argument("-d", type=int, default=16); ap.add_argument("-t", type=int, default=len(os.sched_getaffinity(0))); ap.add_argument("-r", type=int, default=3)
o = ap.parse_args()


@L.llama_log_callback
def quiet(level, text, data):
    pass


def sure(ok, what):
    return ok or sys.exit(f"llama.cpp: {what} failed")


def step(context, batch, rows, n_vocab):
    """rows: (token, position, sequence, logits wanted?) of one batch."""
    batch.n_tokens = len(rows)
    for i, (token, pos, seq, last) in enumerate(rows):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token % n_vocab, pos, 1, last
        batch.seq_id[i][0] = seq
    sure(L.llama_decode(context, batch) == 0, "llama_decode")
    L.llama_synchronize(context)


def main():
    L.llama_log_set(quiet, ctypes.c_void_p(0))
    L.llama_backend_init()
    mp = L.llama_model_default_params(); mp.n_gpu_layers = 0
    model = sure(L.llama_model_load_from_file(o.model.encode(), mp), "loading")
    n_vocab = min(L.llama_vocab_n_tokens(L.llama_model_get_vocab(model)), 30000)
    cp = L.llama_context_default_params()
    cp.n_ctx = (o.d + o.n + 8) * o.b; cp.n_seq_max = o.b; cp.n_batch = max(o.b * o.d, 64); cp.n_ubatch = 512
    cp.n_threads = cp.n_threads_batch = o.t
    context = sure(L.llama_init_from_model(model, cp), "making a context")
    batch, tps = L.llama_batch_init(cp.n_batch, 0, 1), []
    for _ in range(o.r):
        L.llama_memory_clear(L.llama_get_memory(context), True)
        step(context, batch, [(pos * 7919 + s, pos, s, pos == o.d - 1) for s in range(o.b) for pos in range(o.d)], n_vocab)
        t0 = time.perf_counter()
        for i in range(o.n):
            step(context, batch, [((o.d + i) * 7919 + s, o.d + i, s, True) for s in range(o.b)], n_vocab)
        tps.append(round(o.b * o.n / (time.perf_counter() - t0), 1))
    print(json.dumps({"engine": "llama.cpp", "version": L.__version__, "sequences": o.b, "decode_tps": tps}))


main()
