#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real clients pointed at moat mirror: huggingface_hub, curl, aria2, moat pull by address, hf:, ollama: and oci:."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "fetch")]
from pull_lib import HOME, leaves, model, result, root, sha256  # noqa: E402
from serving import Mirror, clients  # noqa: E402
from tap import *  # noqa: E402,F403

FILE, SMALL = model(7), model(1, 2)
WORK = tempfile.mkdtemp(prefix="moat-hub-")


def store():
    for name, data in (("alpha:one", FILE), ("alpha:two", SMALL)):
        path = os.path.join(WORK, "file.gguf")
        with open(path, "wb") as f:
            f.write(data)
        r = moat("import", path, "--name", name)
        if r.status:
            raise RuntimeError(str(r))


def read(path):
    with open(path, "rb") as f:
        return f.read()


HUB = r"""
import json, os, sys
import huggingface_hub as h
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RepositoryNotFoundError
api, out = h.HfApi(), {}
info = api.model_info("library/alpha", files_metadata=True)
out["files"] = [[s.rfilename, s.size, s.lfs.sha256] for s in info.siblings]
out["one"] = h.hf_hub_download("library/alpha", "one.gguf")
out["etag"] = h.get_hf_file_metadata(h.hf_hub_url("library/alpha", "one.gguf")).etag
out["snapshot"] = h.snapshot_download("library/alpha")
out["commit"] = info.sha
out["exists"] = [h.file_exists("library/alpha", "one.gguf"), h.file_exists("library/alpha", "three.gguf"), h.repo_exists("library/beta")]
out["tree"] = [[f.path, f.size, f.lfs.sha256] for f in api.list_repo_tree("library/alpha")]
for name, kind, work in (("no_file", EntryNotFoundError, lambda: h.hf_hub_download("library/alpha", "three.gguf")),
                         ("no_repo", RepositoryNotFoundError, lambda: h.hf_hub_download("library/beta", "one.gguf"))):
    try:
        work()
        out[name] = "nothing was raised"
    except kind:
        out[name] = "right"
    except Exception as e:
        out[name] = f"{type(e).__name__}: {e}"
print(json.dumps(out))
"""


def hub(m):
    folders = [clients("clients-hub.txt"), clients()]
    if not all(folders):
        skip("huggingface_hub", "it is not there: scripts/fetch-clients")
        return
    env = dict(os.environ, PYTHONPATH=":".join(folders), HF_ENDPOINT=f"http://127.0.0.1:{m.port}", HF_HOME=os.path.join(WORK, "hf"), HF_HUB_DISABLE_TELEMETRY="1",
               HF_HUB_DISABLE_PROGRESS_BARS="1")
    r = subprocess.run([sys.executable, "-c", HUB], capture_output=True, text=True, env=env, timeout=60)
    if not ok(r.returncode == 0, "huggingface_hub runs", r.stderr):
        return
    import json
    out = json.loads(r.stdout.splitlines()[-1])
    files = [["one.gguf", len(FILE), sha256(FILE)], ["two.gguf", len(SMALL), sha256(SMALL)]]
    ok(out["files"] == files and out["tree"] == files, "huggingface_hub: the files of a repository", out)
    ok(read(out["one"]) == FILE and out["etag"] == sha256(FILE), "huggingface_hub: hf_hub_download", out)
    ok(read(os.path.join(out["snapshot"], "two.gguf")) == SMALL and out["snapshot"].endswith(out["commit"]), "huggingface_hub: snapshot_download", out)
    ok(out["exists"] == [True, False, False] and out["no_file"] == "right" and out["no_repo"] == "right", "huggingface_hub: what is not there", out)


def curl(m):
    url = f"http://127.0.0.1:{m.port}/models/alpha/one.gguf"
    path = os.path.join(WORK, "curl.gguf")
    with open(path, "wb") as f:
        f.write(FILE[:3000001])
    r = subprocess.run(["curl", "-sS", "-f", "-C", "-", "-o", path, "-w", "%{http_code} %{size_download}", url], capture_output=True, text=True, timeout=30)
    ok(r.returncode == 0 and r.stdout == f"206 {len(FILE) - 3000001}" and read(path) == FILE, "curl -C - goes on where it was", r)


def aria2(m):
    if not shutil.which("aria2c"):
        skip("aria2", "it is not installed: scripts/setup test")
        return
    r = subprocess.run(["aria2c", "-q", "-x8", "-s8", "-k1M", f"--checksum=sha-256={sha256(FILE)}", "-d", WORK, "-o", "aria2.gguf",
                        f"http://127.0.0.1:{m.port}/blobs/sha256-{sha256(FILE)}"], capture_output=True, text=True, timeout=30)
    ok(r.returncode == 0 and read(os.path.join(WORK, "aria2.gguf")) == FILE, "aria2 with 8 connections", r)


def moat_pull(m):
    base = f"http://127.0.0.1:{m.port}"
    entry = m.get("/models/alpha/one.json").json()
    for n, (what, options, vouched) in enumerate((
            (f"{base}/models/alpha/one.gguf", ["--tree", root(leaves(FILE)).hex()], True), (f"{base}/blobs/sha256-{sha256(FILE)}", ["--sha256", sha256(FILE)], True),
            ("hf:library/alpha/one.gguf", [], True), (f"ollama:{base}/alpha:one", [], True), (f"oci:{base}/library/alpha:one", [], True), (f"moat:{base}/alpha:one", [], True),
            (f"{base}/models/alpha/one.gguf", ["--tree", entry["root"], "--mirror", f"{base}/blobs/sha256-{sha256(FILE)}"], True))):
        home = os.path.join(WORK, f"home{n}")
        r = moat("pull", what, "--name", "got", "--json", *options, env={"MOAT_HOME": home, "HF_ENDPOINT": base}, limit=30)
        end = result(r)
        ok(r.status == 0 and end["verified"] is vouched and read(os.path.join(home, "blobs", "sha256-" + sha256(FILE))) == FILE,
           f"moat pull {what.replace(base, 'MIRROR')} {' '.join(o for o in options if o.startswith('-'))}", r)


store()
with Mirror(home=HOME) as m:
    hub(m)
    curl(m)
    aria2(m)
    moat_pull(m)
shutil.rmtree(WORK)
done()
