#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat mirror stats: a mirror that is there, one that asks for a key, and what is none."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "fetch")]
from fault_server import FaultServer, free_port  # noqa: E402
from pull_lib import HOME, WORK, model  # noqa: E402
from serving import Mirror  # noqa: E402
from tap import *  # noqa: E402,F403

path = os.path.join(WORK, "file.gguf")
with open(path, "wb") as f:
    f.write(model(1))
moat("import", path, "--name", "alpha:one")
key = moat("key", "add", "me").out.strip()
with open(os.path.join(WORK, "key"), "w") as f:
    f.write(key)
with Mirror("--require-key", "true", home=HOME, key=key) as m:
    size = len(m.get("/models/alpha/one.gguf").body)
    url = f"http://127.0.0.1:{m.port}"
    r = moat("mirror", "stats", url, "--token-file", os.path.join(WORK, "key"))
    ok(r.status == 0 and "alpha:one" in r.out and "1.3 MiB" in r.out and "models" in r.out, "a table", r)
    r = moat("mirror", "stats", url, "--json", "--token-file", os.path.join(WORK, "key"))
    ok(r.status == 0 and json.loads(r.out)["sent"] == [{"model": "alpha:one", "requests": 1, "bytes": size}], "JSON", r)
    r = moat("mirror", "stats", url)
    ok(r.status == 9 and "--token-file" in r.err, "without the key", r)
r = moat("mirror", "stats", f"http://127.0.0.1:{free_port()}")
ok(r.status == 10, "nobody there", r)
with FaultServer(b"", lambda n, q: {"body": b"[]"}) as s:
    ok(moat("mirror", "stats", s.url.rsplit("/", 1)[0]).status == 4, "no mirror")
r = moat("mirror", "nonsense")
ok(r.status == 2 and "nonsense" in r.err, "another word", r)
r = moat("mirror", "--upstream-hf", "ftp://x")
ok(r.status == 2 and "upstream_hf" in r.err, "an upstream that is no address", r)
r = moat("mirror", "--upstream-hf", "https://u:p@x")
ok(r.status == 2 and "user" in r.err, "an upstream with a password in it", r)
r = moat("mirror", "--listen", "0.0.0.0:0")
ok(r.status == 8 and "TLS" in r.err, "other machines only over TLS", r)
done()
