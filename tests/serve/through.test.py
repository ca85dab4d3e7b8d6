#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat mirror with an upstream: what is asked for and not there is fetched once, verified, kept, and removed again for want of room."""
import json
import os
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "fetch")]
from fault_server import FaultServer, free_port, wait_for  # noqa: E402
from pull_lib import HOME, fresh, model, sha256  # noqa: E402
from serving import Mirror, together  # noqa: E402
from tap import *  # noqa: E402,F403

FILES = {"a.gguf": model(4, 1), "b.gguf": model(4, 2), "c.gguf": model(4, 3)}
COMMIT, LATER = "0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"


class Hub(FaultServer):
    """Hugging Face and a registry with FILES; `down`: answers 503; `drip`, `flip`: what happens to the bytes of a file."""

    def __init__(self):
        self.down, self.drip, self.flip, self.commit, self.files = False, None, (), COMMIT, dict(FILES)
        super().__init__(b"", self.answer_to)

    def answer_to(self, n, q):
        path = q.path.split("?")[0]
        if self.down:
            return {"status": 503, "headers": {"Retry-After": "1"}}
        siblings = [{"rfilename": "README.md"}] + [{"rfilename": f, "size": len(d), "lfs": {"sha256": sha256(d), "size": len(d)}} for f, d in self.files.items()]
        info = json.dumps({"id": "org/repo", "sha": self.commit, "siblings": siblings}).encode()
        if path in ("/api/models/org/repo/revision/main", f"/api/models/org/repo/revision/{self.commit}"):
            return {"body": info}
        word, _, name = path.removeprefix("/org/repo/").partition(f"/{self.commit}/")
        data = self.files.get(name)
        if data is None and path.startswith("/v2/library/tiny/"):
            data = self.files["a.gguf"]
            if path == "/v2/library/tiny/manifests/1b":
                return {"body": json.dumps({"schemaVersion": 2, "layers": [{"mediaType": "application/vnd.ollama.image.model",
                                                                             "digest": "sha256:" + sha256(data), "size": len(data)}]}).encode()}
            word = "resolve" if path.endswith("/blobs/sha256:" + sha256(data)) else ""
        if data is None or word not in ("raw", "resolve"):
            return {"status": 404}
        if word == "raw":
            return {"body": f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data)}\nsize {len(data)}\n".encode()}
        self.data = data
        return dict({"drip": self.drip} if self.drip else {}, flip=self.flip, etag=f'"{name}"')

    def asked(self, part):
        return sum(part in q.path for q in self.requests)


def file_path(name, revision="main"):
    return f"/org/repo/resolve/{revision}/{name}"


def mirror(hub, *options, registry=False):
    url = f"http://127.0.0.1:{hub.port}"
    return Mirror("--upstream-hf", url, *(["--upstream-registry", url] if registry else []), *options, home=HOME)


def once():
    """50 clients want what is not there: one download, byte for byte for all of them."""
    fresh()
    key = os.path.join(HOME, "auditor.key")
    os.makedirs(HOME, exist_ok=True)
    env = {"MOAT_HOME": HOME}
    moat("audit", "init", "--auditor", moat("audit", "keygen", key).out.strip(), "--reserve", "0", env=env)
    with Hub() as hub, mirror(hub) as m:
        r = m.ask("HEAD", file_path("a.gguf"))
        data = FILES["a.gguf"]
        ok(r.status == 200 and r.headers["content-length"] == str(len(data)) and r.headers["x-linked-etag"] == f'"{sha256(data)}"' and
           r.headers["x-repo-commit"] == COMMIT and hub.asked("/resolve/") == 0, "HEAD says what upstream says, and fetches nothing", r)
        hub.drip = (262144, 0.05)
        bodies = together(50, lambda i: m.get(file_path("a.gguf"), headers={"Range": "bytes=1000-"} if i % 5 == 0 else None))
        good = all(b.body == (data[1000:] if i % 5 == 0 else data) for i, b in enumerate(bodies) if hasattr(b, "body"))
        ok(good and all(hasattr(b, "body") for b in bodies), "50 clients at once, byte for byte", [b for b in bodies if not hasattr(b, "body")][:2])
        ok(len(data) <= hub.sent < 1.5 * len(data), f"upstream has sent it once: {hub.sent} bytes for {len(data)}")
        stats = m.get("/stats").json()
        ok(stats["pulls"] == 1 and stats["through_bytes"] == len(data) and stats["sent"][0]["requests"] >= 50, "/stats says so", stats)
        before = len(hub.requests)
        ok(m.get(file_path("a.gguf")).body == data and len(hub.requests) == before, "from then on upstream is not asked")
        ok(m.get(file_path("a.gguf", COMMIT)).body == data and len(hub.requests) == before, "nor for the commit")
        names = [s["rfilename"] for s in m.get("/api/models/org/repo").json()["siblings"]]
        ok(names == sorted(FILES), "the list of a repository has its models", names)
        r = m.get(file_path("README.md"))
        ok(r.status == 404 and r.headers["x-error-code"] == "EntryNotFound", "what is no model is not there", r)
        r = m.get("/org/none/resolve/main/a.gguf")
        ok(r.status == 404 and r.headers["x-error-code"] == "RepoNotFound", "a repository that upstream does not have", r)
        hub.down = True
        ok(m.get(file_path("a.gguf")).body == data, "with upstream away, what is here is served")
    acts = [json.loads(x) for x in moat("audit", "list", "--identity", key, "--json", env=env).out.splitlines()]
    through = [(x["phase"], x.get("what"), x.get("outcome"), x["bytes"]) for x in acts if x["act"] == "through"]
    ok(through == [("begin", "org/repo/a.gguf", None, len(data)), ("end", None, "ok", len(data))], "what was fetched is on record, once", through)
    first = [i for i, x in enumerate(acts) if x["act"] == "mirror" and x["phase"] == "begin"][1]
    ok(first < next(i for i, x in enumerate(acts) if x["act"] == "through"), "after the request that it is for")
    served = [x for x in acts if x["act"] == "mirror" and x["phase"] == "end" and x.get("bytes", 0) >= len(data) - 1000]
    ok(len(served) >= 50 and all(x["outcome"] == "ok" for x in served), "and so is who got it", len(served))
    with Mirror("--upstream-hf", f"http://127.0.0.1:{free_port()}", home=HOME) as m:
        ok(m.get(file_path("a.gguf")).body == data, "also after a restart")
    with Mirror(home=HOME) as m:
        ok(m.get(file_path("a.gguf")).body == data, "also without an upstream")


def held():
    """A client with a short patience is kept, and never gets a byte before all are verified."""
    fresh()
    with Hub() as hub, mirror(hub) as m:
        hub.drip = (16384, 0.11)  # a piece takes 7 s
        t0 = time.monotonic()
        r = m.ask("GET", file_path("b.gguf"), limit=5)
        ok(r.body == FILES["b.gguf"] and time.monotonic() - t0 > 5, f"a client whose patience ends after 5 s is held for {time.monotonic() - t0:.1f} s", r)
    fresh()
    with Hub() as hub, mirror(hub) as m:
        hub.flip = {2_000_000}
        r = m.get(file_path("c.gguf"))
        ok(r.status == 422 and FILES["c.gguf"][:50] not in r.body and sha256(FILES["c.gguf"]) in r.json()["error"],
           "a file that is not what upstream says reaches nobody", r)
        hub.flip = ()
        ok(m.get(file_path("c.gguf")).body == FILES["c.gguf"], "and the next time it is right")


def resumed():
    """A keeper that is killed in the middle: the next request goes on."""
    fresh()
    large = model(16, 6)
    with Hub() as hub, mirror(hub) as m:
        hub.files["large.gguf"] = large
        hub.drip = (65536, 0.04)
        answer = []
        thread = threading.Thread(target=lambda: answer.append(m.get(file_path("large.gguf"))), daemon=True)
        thread.start()
        wait_for(lambda: hub.sent > 8_000_000)
        os.kill(m.keeper(), signal.SIGKILL)
        thread.join(10)
        ok(answer and answer[0].status == 503 and answer[0].headers["retry-after"], "a keeper that is killed: 503 for who waits", answer)
        hub.drip = None
        wait_for(lambda: len(m.events("keeper")) == 2)
        time.sleep(0.3)
        sent = hub.sent
        end = time.monotonic() + 15
        r = m.get(file_path("large.gguf"))
        while r.status == 503 and time.monotonic() < end:
            time.sleep(0.2)
            r = m.get(file_path("large.gguf"))
        ok(r.body == large and hub.sent - sent < len(large) - 3_000_000, f"the next request fetches the rest: {hub.sent - sent} bytes of {len(large)}", r)


def registry():
    fresh()
    data = FILES["a.gguf"]
    with Hub() as hub, mirror(hub, registry=True) as m:
        r = m.get("/v2/library/tiny/manifests/1b")
        layer = r.json()["layers"][0]
        ok(layer["digest"] == "sha256:" + sha256(data) and layer["size"] == len(data) and hub.sent == 0, "registry: the manifest, before the file is fetched", r)
        ok(m.get("/v2/library/tiny/manifests/" + r.headers["docker-content-digest"]).body == r.body, "registry: by its digest")
        config = r.json()["config"]
        ok(sha256(m.get("/v2/library/tiny/blobs/" + config["digest"]).body) == config["digest"][7:], "registry: its configuration")
        h = m.ask("HEAD", "/v2/library/tiny/blobs/" + layer["digest"])
        ok(h.status == 200 and h.headers["content-length"] == str(len(data)) and hub.sent == 0, "registry: HEAD of the layer", h)
        got = together(10, lambda i: m.get("/v2/library/tiny/blobs/" + layer["digest"]).body == data)
        ok(all(x is True for x in got) and hub.sent < 1.5 * len(data), f"registry: 10 clients, one download ({hub.sent} bytes)")
        ok(m.get("/v2/library/tiny/manifests/1b").body == r.body, "registry: the manifest stays the same")
        ok(m.get("/v2/library/none/manifests/1b").status == 404, "registry: what upstream does not have")
        env = {"MOAT_HOME": HOME + "-client"}
        r = moat("pull", f"ollama:http://127.0.0.1:{m.port}/tiny:1b", env=env, limit=20)
        ok(r.status == 0, "moat pull ollama: through the mirror", r)


def quota():
    """The longest unused of what was pulled through goes; what is the user's own stays."""
    fresh()
    own = os.path.join(os.path.dirname(HOME), "own.gguf")
    with open(own, "wb") as f:
        f.write(FILES["c.gguf"])
    moat("import", own, "--name", "own")
    size = len(FILES["a.gguf"])
    with Hub() as hub, mirror(hub, "--quota", str(2 * size + 1000)) as m:
        hub.files["d.gguf"] = model(4, 4)
        hub.files["big.gguf"] = model(9, 5)
        for name in ("a.gguf", "b.gguf", "c.gguf"):
            ok(m.get(file_path(name)).body == FILES[name], f"{name} comes")
        ok(m.get("/stats").json()["through_bytes"] == 2 * size, "what the user has anyway does not count", m.get("/stats").json())
        for path, _, files in os.walk(os.path.join(HOME, "manifests")):
            for f in files:
                used = time.time() - (3600 if f.startswith("a-") else 1800)  # b more lately than a
                os.utime(os.path.join(path, f), (used, used))
        ok(m.get(file_path("a.gguf")).body == FILES["a.gguf"], "a is used again")
        ok(m.get(file_path("d.gguf")).body == hub.files["d.gguf"], "d needs room")
        sent = hub.sent
        ok(m.get(file_path("a.gguf")).body == FILES["a.gguf"] and hub.sent == sent, "a is still there")
        stats = m.get("/stats").json()
        ok(stats["evicted_bytes"] == size and stats["through_bytes"] == 2 * size and any("b-" in e["detail"] for e in m.events("evicted")), "b went", stats)
        ok(m.get(file_path("b.gguf")).body == FILES["b.gguf"] and hub.sent > sent, "and comes again when it is wanted")
        r = m.get(file_path("big.gguf"))
        ok(r.status in (400, 413) and "quota" in r.json()["error"], "what is larger than the quota is refused", r)
        ok(m.get("/models/own/latest.gguf").body == FILES["c.gguf"] and moat("verify").status == 0, "the user's own model was never touched")
        last = m.get("/models").json()["models"][-1]
        kept = moat("cp", f"{last['name']}:{last['tag']}", "kept")
        ok(kept.status == 0 and last["name"] == "repo", "somebody copies one", kept)
        time.sleep(1.1)
        ok(m.get("/stats").json()["through_bytes"] <= size, "then it is his, and counts no more", m.get("/stats").json())


def changed():
    """A branch moves on upstream: the mirror follows when what it knows is old."""
    fresh()
    with Hub() as hub, mirror(hub) as m:
        ok(m.get(file_path("a.gguf")).body == FILES["a.gguf"], "main is one commit")
        hub.commit, hub.files["a.gguf"] = LATER, FILES["b.gguf"]
        ok(m.get(file_path("a.gguf")).body == FILES["a.gguf"], "for a while it stays that")
        folder = os.path.join(HOME, "mirror")
        for f in os.listdir(folder):
            os.utime(os.path.join(folder, f), (1, 1))
        r = m.get(file_path("a.gguf"))
        ok(r.body == FILES["b.gguf"] and r.headers["x-repo-commit"] == LATER, "then it is the new one")


def reloaded():
    """SIGHUP: another upstream."""
    fresh()
    with Hub() as hub:
        path = os.path.join(os.path.dirname(HOME), "config.json")
        with open(path, "w") as f:
            json.dump({"upstream_hf": f"http://127.0.0.1:{free_port()}"}, f)
        with Mirror("--config", path, home=HOME) as m:
            with open(path, "w") as f:
                json.dump({"upstream_hf": f"http://127.0.0.1:{hub.port}"}, f)
            m.process.send_signal(signal.SIGHUP)
            wait_for(lambda: len(m.events("keeper")) == 2)
            ok(m.get(file_path("a.gguf")).body == FILES["a.gguf"], "SIGHUP names another upstream")


once()
held()
resumed()
registry()
quota()
changed()
reloaded()
done()
