#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat config show and check, and what moat serve refuses to start with."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

with tempfile.TemporaryDirectory() as home:
    clean = {"XDG_CONFIG_HOME": home, "MOAT_CONFIG": ""}
    path = os.path.join(home, "moat", "config.json")
    r = moat("config", "check", env=clean)
    ok(r.status == 0, "without a file the defaults hold", r)
    os.makedirs(os.path.dirname(path))

    def config(text, *words, **env):
        with open(path, "w") as f:
            f.write(text)
        return moat("config", *words, env=dict(clean, **env))
    r = config('{"queue": 5, "memory": "2G"}', "check")
    ok(r.status == 0 and path in r.out, "a right file is said to be", r)
    r = config('{"queue": 5, "memory": "2G"}', "show", "--json", MOAT_PARALLEL="3")
    shown = json.loads(r.out)
    ok(shown["queue"] == {"value": 5, "source": "file"} and shown["parallel"] == {"value": 3, "source": "environment"} and
       shown["memory"]["value"] == 2 << 30 and shown["max_connections"]["source"] == "default", "show says where each value comes from", r)
    ok("queue" in config('{"queue": 5}', "show").out, "show prints a table")
    for text, word in (('{"queu": 5}', "queue"), ('{"queue": -1}', "0 to 65536"), ('{"queue": 5,}', "line 1"), ('{"queue":1,"queue":2}', "duplicate"),
                       ('{"listen": "0.0.0.0:80"}', "TLS"), ('{"models": {"m": {"top_k": "x"}}}', "top_k")):
        r = config(text, "check")
        ok(r.status in (2, 8) and word in r.err and path in r.err, f"check names what is wrong: {text}", r)
    r = config("{}", "check", MOAT_QUEUE="many")
    ok(r.status == 2 and "MOAT_QUEUE" in r.err, "so it does for the environment", r)
    r = moat("config", "chek", env=clean)
    ok(r.status == 2, "an unknown verb is a usage error", r)
    r = moat("serve", "--model", "nothing-of-this-name", env=clean)
    ok(r.status == 3, "serve with an absent model says so", r)
    r = moat("serve", "--model", os.path.join(DATA, "arch", "llama.gguf"), "--listen", "0.0.0.0:8080", env=clean)
    ok(r.status == 8 and "TLS" in r.err, "serve to other machines is refused", r)
    broken = os.path.join(home, "broken.gguf")
    with open(broken, "wb") as f:
        f.write(b"GGUF\3\0\0\0\1")
    r = moat("serve", "--model", broken, "--listen", "127.0.0.1:0", env=clean, limit=30)
    ok(r.status == 4 and "broken" in r.err, "serve with a broken file ends with the engine's status and reason", r)
done()
