#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat pull of a model that was split into parts: all of them are fetched and verified, and become one model that answers as the whole."""
import json
import os

from pull_lib import *
import gguf_mini as g
from fault_server import FaultServer
from tap import DATA, done, moat, ok

NAME = "tiny-{:05}-of-00003.gguf"
WHOLE = os.path.join(DATA, "arch", "llama.gguf")


def parts():
    """The fixture of the architecture llama in three files, as gguf-split makes them."""
    tensors = g.File(WHOLE).tensors
    third = len(tensors) // 3 + 1
    made = []
    for no in range(3):
        f = g.File(WHOLE)
        f.tensors = tensors[no * third:(no + 1) * third]
        if no:
            f.kv = []
        f.kv += [["split.no", g.U16, no], ["split.count", g.U16, 3], ["split.tensors.count", g.I32, len(tensors)]]
        made.append(f.bytes())
    return made


class Hub(FaultServer):
    def __init__(self, files, digests=None):
        self.files, self.digests, self.options = files, digests or [sha256(d) for d in files], {}
        super().__init__(b"", self.answer_to)

    def answer_to(self, n, q):
        path = q.path.split("?")[0]
        for i, data in enumerate(self.files):
            if path == "/o/r/raw/main/q/" + NAME.format(i + 1):
                return {"body": f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.digests[i]}\nsize {len(data)}\n".encode()}
            if path.endswith("/" + NAME.format(i + 1)):
                self.data = data
                return dict(self.options.get(i, {}), etag=f'"{i}"')
        return {"status": 404}

    def asked(self, no):
        return sum(q.path.endswith(NAME.format(no)) and "/raw/" not in q.path for q in self.requests)


def logits(model):
    out, tokens = os.path.join(WORK, "out.f32"), os.path.join(WORK, "tokens")
    with open(tokens, "w") as f:
        f.write("1 5 9 2 7 11")
    r = moat("logits", model, "--tokens", tokens, "--out", out, "--exact")
    return open(out, "rb").read() if r.status == 0 else str(r)


def links():
    folder = os.path.join(HOME, "partial")
    return [n for n in os.listdir(folder)] if os.path.isdir(folder) else []


PARTS = parts()
fresh()
with Hub(PARTS) as hub:
    env = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.port}"}
    r = pull("hf:o/r/q/" + NAME.format(2), "--json", env=env)
    end = result(r)
    ok(r.status == 0 and end["name"] == "tiny:latest" and end["verified"] and end["received"] >= sum(map(len, PARTS)), "any of its parts names it", r)
    ok(not links() and store_is_clean() and len(os.listdir(os.path.join(HOME, "blobs"))) == 1, "one file is kept", links())
    ok(logits("tiny") == logits(WHOLE), "which says what the whole says, bit for bit")
    source = json.load(open(os.path.join(HOME, "manifests/tiny/latest.json")))["source"]
    ok(source == "hf:o/r/q/" + NAME.format(1), "its manifest names the first", source)
    one = g.File(os.path.join(HOME, "blobs", os.listdir(os.path.join(HOME, "blobs"))[0]))
    ok([(t.name, t.shape, t.kind, t.data) for t in one.tensors] == [(t.name, t.shape, t.kind, t.data) for t in g.File(WHOLE).tensors] and
       [k[0] for k in one.kv] == [k[0] for k in g.File(WHOLE).kv], "the same tensors and metadata")
    fresh()
    r = pull(f"http://127.0.0.1:{hub.port}/x/{NAME.format(1)}", "--name", "t:1")
    ok(r.status == 0 and logits("t:1") == logits(WHOLE), "from an address", r)
    fresh()
    hub.requests.clear()
    hub.options = {0: {"status": 404}}
    r = pull("hf:o/r/q/" + NAME.format(1), env=env)
    ok(r.status == 3 and not os.path.exists(os.path.join(HOME, "manifests/tiny")), "without one of them there is none", r)
    hub.options = {}
    before = hub.asked(2), hub.asked(3)
    r = pull("hf:o/r/q/" + NAME.format(1), env=env)
    ok(r.status == 0 and (hub.asked(2), hub.asked(3)) == before, "and the next pull fetches only what is missing", r)
    r = pull("hf:o/r/q/" + NAME.format(1), "--sha256", "0" * 64, env=env)
    ok(r.status == 2, "one digest cannot be that of several files", r)
with Hub(PARTS, [sha256(PARTS[0]), "0" * 64, sha256(PARTS[2])]) as hub:
    fresh()
    r = pull("hf:o/r/q/" + NAME.format(1), env={"HF_ENDPOINT": f"http://127.0.0.1:{hub.port}"})
    ok(r.status == 4 and not os.path.exists(os.path.join(HOME, "manifests/tiny")), "a part with another digest is refused", r)
with Hub([PARTS[0], PARTS[2], PARTS[1]]) as hub:
    fresh()
    r = pull("hf:o/r/q/" + NAME.format(1), env={"HF_ENDPOINT": f"http://127.0.0.1:{hub.port}"})
    ok(r.status == 4 and "part" in r.err and not os.path.exists(os.path.join(HOME, "manifests/tiny")), "parts in another order are no model", r)
cleanup()
done()
