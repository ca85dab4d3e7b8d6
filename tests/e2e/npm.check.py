#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The npm clients of OpenAI and Ollama against moat serve: npm.mjs has the script."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

folder = clients("clients-npm/package-lock.json")
if not os.path.exists(SMOLLM2) or not folder or not shutil.which("node"):
    skip("npm clients", "SmolLM2, node and scripts/fetch-clients --all are needed")
    done()
here = os.path.dirname(os.path.abspath(__file__))
with Server() as s:
    script = shutil.copy(os.path.join(here, "npm.mjs"), s.folder.name)  # modules are looked for beside the script
    os.symlink(os.path.join(folder, "node_modules"), os.path.join(s.folder.name, "node_modules"))
    p = subprocess.run(["node", script, f"http://127.0.0.1:{s.port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    for line in p.stdout.splitlines():
        if line.startswith(("ok ", "not ok ")):
            ok(line.startswith("ok "), line.split(" - ", 1)[1], p.stdout[-2000:])
    ok(p.returncode == 0, "the script of the npm clients runs to its end", p.stdout[-2000:])
done()
