#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""/v1/rerank: scores of models that rank against NumPy's (tests/reference/encoders.py), cosines of those that make vectors, and refusals."""
import json
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from gguf_mini import File, U32  # noqa: E402
from serving import *  # noqa: E402,F403
import tempfile  # noqa: E402

EMBED = os.path.join(DATA, "embed")
PATH = "/v1/rerank"


def cases(name):
    return [(c["text"].split("\t"), c["rank"], c["n"]) for c in json.load(open(os.path.join(EMBED, name + ".json"))) if "rank" in c]


def share(logits):
    """The one number of the answer: the logistic function, or the share of the first."""
    if len(logits) == 1:
        return 1 / (1 + math.exp(-logits[0]))
    return math.exp(logits[0]) / sum(math.exp(x) for x in logits)


def close(a, b):
    return abs(a - b) < 5e-3


def ranks(s, name):
    for (query, passage), logits, n in cases(name):
        r = s.post(PATH, {"model": name, "query": query, "documents": [passage], "return_documents": True})
        one = r.json()["results"][0] if r.status == 200 else {}
        ok(one.get("index") == 0 and close(one["relevance_score"], share(logits)) and one["document"] == {"text": passage} and
           r.json()["usage"] == {"prompt_tokens": n, "total_tokens": n} and r.json()["scored_by"] == "model", f"{name}: the score is the reference's", f"{logits} {r}")
        raw = s.post("/rerank", {"model": name, "query": query, "documents": [passage], "raw_scores": True}).json()["results"][0]
        ok(close(raw["relevance_score"], logits[0]) and "document" not in raw, f"{name}: raw_scores are the logits", raw)
    query = cases(name)[0][0][0]
    words = "the sea and a ship of dog fox jump over lazy quick brown village what".split()
    documents = [" ".join(words[i % 7:i % 13 + 1] or ["a"]) + " sea" * (i % 5) for i in range(40)]
    many = s.post(PATH, {"model": name, "query": query, "documents": documents}).json()["results"]
    alone = [s.post(PATH, {"model": name, "query": query, "documents": [d]}).json()["results"][0]["relevance_score"] for d in documents[:6]]
    scores = {r["index"]: r["relevance_score"] for r in many}
    ok([r["relevance_score"] for r in many] == sorted(scores.values(), reverse=True) and sorted(scores) == list(range(40)), f"{name}: the best come first", many[:5])
    ok(all(scores[i] == a for i, a in enumerate(alone)), f"{name}: a document has the same score alone", alone)
    few = s.post(PATH, {"model": name, "query": query, "documents": [{"text": d, "id": 7} for d in documents], "top_n": 3}).json()["results"]
    ok(few == many[:3], f"{name}: top_n; documents may be objects", few)
    r = s.post("/v1/embeddings", {"model": name, "input": "a"})
    ok(r.status == 400 and "no vector" in r.json()["error"]["message"], f"{name}: it gives no vectors", r)


def cosines(s):
    vector = lambda t: s.post("/v1/embeddings", {"model": "nomic-bert", "input": t}).json()["data"][0]["embedding"]
    documents = ["the lazy dog", "a ship of the sea", "fox"]
    r = s.post(PATH, {"model": "nomic-bert", "query": "a dog", "documents": documents}).json()
    q = vector("a dog")
    wanted = {i: sum(x * y for x, y in zip(q, vector(d))) for i, d in enumerate(documents)}
    ok(r["scored_by"] == "cosine" and all(abs(wanted[x["index"]] - x["relevance_score"]) < 1e-5 for x in r["results"]), "vectors: their cosines, and it is said", f"{r} {wanted}")
    ok([x["index"] for x in r["results"]] == sorted(wanted, key=lambda i: -wanted[i]), "vectors: the best come first")


def refusals(s):
    body = {"model": "bert-rank", "query": "a", "documents": ["b"]}
    for what, field, said, more in (("no query", "query", "missing", {"query": None}), ("a query that is none", "query", "string", {"query": 1}),
                                    ("no documents", "documents", "missing", {"documents": None}), ("none of them", "documents", "1 to", {"documents": []}),
                                    ("a document that is none", "documents", "documents[1]", {"documents": ["a", 3]}),
                                    ("too many", "documents", "2047", {"documents": ["a"] * 2048}), ("top_n of none", "top_n", "from 1", {"top_n": 0}),
                                    ("a document too long", "documents", "128", {"documents": ["a " * 500]})):
        r = s.post(PATH, dict(body, **more))
        ok(r.status == 400 and r.json()["error"]["param"] == field and said in r.json()["error"]["message"], f"refused: {what}", r)
    r = s.post(PATH, dict(body, model="llama"))
    ok(r.status == 400 and r.json()["error"]["param"] == "model" and "cannot rank" in r.json()["error"]["message"], "refused: a model that writes", r)
    r = s.post(PATH, dict(body, model="no-head"))
    ok(r.status == 400 and "classifier" in r.json()["error"]["message"], "refused: a model that says it ranks and has no classifier", r)
    r = s.post(PATH, dict(body, documents=["b"] * 300))
    ok(r.status == 200 and len(r.json()["results"]) == 300, "300 documents are one request, though only 64 may wait", r)


with tempfile.TemporaryDirectory() as d:
    bert = File(os.path.join(EMBED, "bert.gguf"))
    bert.set("bert.pooling_type", U32, 4)
    head = File(os.path.join(EMBED, "nomic-bert.gguf"))
    head.set("nomic-bert.pooling_type", U32, 4)
    models = [bert.write(os.path.join(d, "bert-rank.gguf")), head.write(os.path.join(d, "no-head.gguf")), os.path.join(EMBED, "qwen3-rerank.gguf"),
              os.path.join(EMBED, "nomic-bert.gguf"), os.path.join(DATA, "arch", "llama.gguf")]
    os.symlink(os.path.join(EMBED, "bert.json"), os.path.join(d, "bert-rank.json"))
    with Server(models) as s:
        EMBED = d
        ranks(s, "bert-rank")
        EMBED = os.path.join(DATA, "embed")
        ranks(s, "qwen3-rerank")
        cosines(s)
        refusals(s)
done()
