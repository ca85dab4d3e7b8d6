#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The 100 texts of all-MiniLM-L6-v2 through /v1/embeddings (numbers, base64), /api/embed and llama.cpp's /embedding: each
vector against the reference, and the counts of tokens. tests/lib/minilm.py makes the model, minilm.gguf in $MOAT_TEST_MODELS."""
import base64
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from embedding import cosine  # noqa: E402
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

MODEL, REFERENCE = os.path.join(MODELS, "minilm.gguf"), os.path.join(SHARED, "data", "minilm", "reference.json")
if not os.path.exists(MODEL) or not os.path.exists(REFERENCE):
    skip("embeddings", "no minilm.gguf in MOAT_TEST_MODELS (tests/lib/minilm.py makes it), or no evaluation data (MOAT_SHARED)")
    done()
wanted = json.load(open(REFERENCE))
texts, n_tokens = [w["text"] for w in wanted], sum(len(w["ids"]) for w in wanted)


def compare(name, got):
    worst = min((cosine(g, w["vector"]) for g, w in zip(got, wanted)), default=0)
    ok(len(got) == len(wanted) and worst >= 0.9999, f"{name}: {len(got)} vectors, smallest cosine {worst:.7f} >= 0.9999")


with Server(MODEL) as s:
    r = s.post("/v1/embeddings", {"model": "minilm", "input": texts})
    ok(r.status == 200 and r.json()["usage"]["prompt_tokens"] == n_tokens, f"/v1/embeddings: {n_tokens} tokens are counted", r)
    compare("/v1/embeddings", [d["embedding"] for d in sorted(r.json()["data"], key=lambda d: d["index"])])
    r = s.post("/v1/embeddings", {"model": "minilm", "input": texts, "encoding_format": "base64"})
    compare("/v1/embeddings in base64", [struct.unpack("<384f", base64.b64decode(d["embedding"])) for d in r.json()["data"]])
    r = s.post("/v1/embeddings", {"model": "minilm", "input": [w["ids"] for w in wanted]})
    compare("/v1/embeddings of token ids", [d["embedding"] for d in r.json()["data"]] if r.status == 200 else [])
    r = s.post("/api/embed", {"model": "minilm", "input": texts})
    ok(r.status == 200 and r.json()["prompt_eval_count"] == n_tokens, "/api/embed: the tokens are counted", r)
    compare("/api/embed", r.json()["embeddings"])
    r = s.post("/embedding", {"content": texts})
    got = r.json() if r.status == 200 else []
    compare("/embedding", [d["embedding"][0] if isinstance(d["embedding"][0], list) else d["embedding"] for d in got])
    one = s.post("/api/embeddings", {"model": "minilm", "prompt": texts[7]})
    ok(one.status == 200 and cosine(one.json()["embedding"], wanted[7]["vector"]) >= 0.9999, "/api/embeddings", one)
    cut = s.post("/v1/embeddings", {"model": "minilm", "input": texts[3], "dimensions": 64}).json()["data"][0]["embedding"]
    ok(len(cut) == 64 and cosine(cut, wanted[3]["vector"][:64]) >= 0.9999, "dimensions: the first of them")
    r = s.post("/v1/chat/completions", {"model": "minilm", "messages": [{"role": "user", "content": "Hi"}]})
    ok(r.status == 400 and r.json()["error"]["message"], "a chat with such a model is refused", r)
done()
