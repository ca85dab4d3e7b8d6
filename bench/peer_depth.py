#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast llama.cpp (llama-cpp-python) writes after a long context, without reading that context anew for each run.

usage: peer_depth.py fill MODEL.gguf STATE DEPTH [SECONDS]     reads tokens until there are DEPTH, or for so long; call again to go on
       peer_depth.py decode MODEL.gguf STATE DEPTH [-n 32] [-r 3]

The context is kept by llama.cpp's own sequence files, STATE.N of N tokens each. Flash attention and the type of its cache are as the
library chooses (auto, F16). Prints one JSON object a line."""
import argparse
import ctypes
import glob
import json
import os
import sys
import time

import llama_cpp as llama

LONGEST = 1 << 17
BATCH = 512


@llama.llama_log_callback
def quiet(level, text, data):
    pass


class Peer:
    def __init__(self, path, n_ctx):
        llama.llama_log_set(quiet, ctypes.c_void_p(0))
        llama.llama_backend_init()
        params = llama.llama_model_default_params()
        params.n_gpu_layers = 0
        self.model = llama.llama_model_load_from_file(path.encode(), params)
        if not self.model:
            sys.exit(f"llama.cpp could not load {path}")
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = n_ctx, 2048, BATCH
        params.n_threads = params.n_threads_batch = len(os.sched_getaffinity(0))
        self.context = llama.llama_init_from_model(self.model, params)
        n_vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        self.tokens = [(i * 7919 + 11) % min(n_vocab, 30000) for i in range(n_ctx)]

    def run(self, first, n):
        tokens = (llama.llama_token * n)(*self.tokens[first:first + n])
        if llama.llama_decode(self.context, llama.llama_batch_get_one(tokens, n)):
            sys.exit("llama_decode failed")
        llama.llama_synchronize(self.context)

    def load(self, path):
        tokens, n = (llama.llama_token * LONGEST)(), ctypes.c_size_t(0)
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        if not llama.llama_state_seq_load_file(self.context, path.encode(), 0, tokens, LONGEST, ctypes.byref(n)):
            sys.exit(f"{path} was not restored")
        return n.value

    def save(self, path, n):
        llama.llama_state_seq_save_file(self.context, path.encode(), 0, (llama.llama_token * n)(*self.tokens[:n]), n)


def fill(o):
    peer, start, n = Peer(o.model, o.depth + 64), time.monotonic(), 0
    there = [int(f.rsplit(".", 1)[1]) for f in glob.glob(glob.escape(o.state) + ".*") if f.rsplit(".", 1)[1].isdigit()]
    if there:
        n = peer.load(f"{o.state}.{max(there)}")
    while n < o.depth and time.monotonic() - start < o.seconds:
        step = min(BATCH, o.depth - n)
        peer.run(n, step)
        n += step
    peer.save(f"{o.state}.{n}", n)
    print(json.dumps({"tokens": n, "seconds": round(time.monotonic() - start, 1)}))


def decode(o):
    peer, speeds = Peer(o.model, o.depth + o.n + 64), []
    for _ in range(o.r):
        peer.load(f"{o.state}.{o.depth}")
        peer.run(0, 1)
        start = time.perf_counter()
        for i in range(o.n):
            peer.run(i, 1)
        speeds.append(round(o.n / (time.perf_counter() - start), 2))
    print(json.dumps({"engine": "llama.cpp", "version": llama.__version__, "depth": o.depth, "n": o.n, "decode_tps": speeds}))


ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("what", choices=["fill", "decode"])
ap.add_argument("model")
ap.add_argument("state")
ap.add_argument("depth", type=int)
ap.add_argument("seconds", type=float, nargs="?", default=1e9)
ap.add_argument("-n", type=int, default=32)
ap.add_argument("-r", type=int, default=3)
options = ap.parse_args()
{"fill": fill, "decode": decode}[options.what](options)
