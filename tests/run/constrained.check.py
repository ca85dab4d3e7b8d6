#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""1,000 answers bound by schemas, from every architecture fixture: all parse and validate."""
import json, os, sys, tempfile
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from constrained import SCHEMAS, answer, judge, models, tap

N = int(os.environ.get("MOAT_ANSWERS", 1000))
with tempfile.TemporaryDirectory() as tmp:
    paths = {}
    for name, schema in SCHEMAS.items():
        paths[name] = os.path.join(tmp, name.replace(" ", "-") + ".json")
        with open(paths[name], "w") as f:
            json.dump(schema, f)
    found, names = list(models(tmp)), list(SCHEMAS)
    loads = [(m, p) for m, p in found if tap.moat("run", p, "a", "--raw", "--max-tokens", 1, "--context", 64).status == 0]
    tap.note(f"{len(loads)} of {len(found)} models: {' '.join(m for m, _ in loads)}")
    wrong, kinds, length = [], {}, 0
    for i in range(N):
        model, path = loads[i % len(loads)]
        name = names[i // len(loads) % len(names)]
        r = answer(path, paths[name], i, 24 + i % 170)
        why = judge(name, r)
        if why:
            wrong.append(f"{model} seed {i}: {why}")
        kinds[name] = kinds.get(name, 0) + 1
        length += len(r.out)
    tap.note(f"answers by schema: {kinds}, {length // N} bytes on average")
    tap.ok(not wrong and len(loads) > 4, f"{N} answers parse and validate", "\n".join(wrong))
tap.done()
