#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Options of positions: the logits are those of the NumPy reference, and to the bit those of a file that says the same;
options that contradict each other or the model are refused, and a longer context is given only with them."""
import os
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", d) for d in ("lib", "reference")]
from tap import *  # noqa: E402,F403
import gguf_mini as g  # noqa: E402
import rope_cases  # noqa: E402

LAST = 40
work = tempfile.TemporaryDirectory()


def path(name):
    return os.path.join(DATA, "arch", name + ".gguf")


def last_rows(values, n_tok):
    return None if values is None else values[-(len(values) // n_tok) * LAST:]


def with_keys(model, options):
    f = g.File(path(model))
    arch = f.get("general.architecture")
    for name, value in options.items():
        kind = g.STR if isinstance(value, str) else g.F32 if isinstance(value, float) else g.U32
        f.set(f"{arch}.{rope_cases.KEYS[name]}", kind, value)
    return f.write(os.path.join(work.name, "m.gguf"))


def check(name, model, times, options):
    ids = read_ids(os.path.join(DATA, "arch", model + ".tokens")) * times
    flags = [x for k, v in options.items() for x in (f"--{k}", v)] + ["--context", len(ids)]
    got, r = logits(path(model), ids, "--exact", *flags)
    wanted = floats(os.path.join(DATA, "rope", name + ".logits"))
    worst = difference(last_rows(got, len(ids)), wanted)
    ok(worst <= 1e-4, f"{name} ({model}): largest difference {worst:.2e} <= 1e-4", r)
    plain, r = logits(path(model), ids, "--exact", "--context", len(ids))
    ok(difference(last_rows(plain, len(ids)), wanted) > 1e-3, f"{name} ({model}): it counts", r)
    file, r = logits(with_keys(model, options), ids, "--exact", "--context", len(ids))
    ok(got is not None and file == got, f"{name} ({model}): the option is the key, to the bit", r)


for case in rope_cases.CASES:
    check(*case)


def refused(label, words, model, *flags):
    r = moat("run", path(model), "a", "--max-tokens", 1, *flags)
    ok(r.status in (2, 6) and words in r.err and r.err.count("\n") == 1, label, r)


refused("YaRN without its factor", "--rope-scale", "llama", "--rope-scaling", "yarn")
refused("a factor for no scaling", "none", "llama", "--rope-scaling", "none", "--rope-scale", 2)
refused("a YaRN option without YaRN", "--rope-scaling yarn", "llama", "--yarn-beta-fast", 16)
refused("an unknown way", "none, linear, yarn", "llama", "--rope-scaling", "ntk")
refused("a model that does not turn", "can do nothing", "gpt2", "--rope-scale", 2)
refused("a context beyond the trained one", "--rope-scale 2", "llama", "--context", 1000)
refused("a context beyond the extended one", "raise --rope-scale", "llama", "--context", 2000, "--rope-scale", 3)
for label, flags in (("scaled", ["--rope-scale", 2]), ("YaRN", ["--rope-scaling", "yarn", "--rope-scale", 2]),
                     ("a larger base", ["--rope-freq-base", 30000])):
    r = moat("run", path("llama"), "a", "--max-tokens", 1, "--context", 1000, *flags, "--seed", 1)
    ok(r.status == 0, f"a context of 1000 where 512 were trained: {label}", r)
config = os.path.join(work.name, "c.json")
open(config, "w").write('{"context_window": 1000, "rope_scaling": "linear", "rope_scale": 2}')
r = moat("run", path("llama"), "a", "--max-tokens", 1, "--config", config, "--seed", 1)
ok(r.status == 0, "the same as keys of the configuration", r)
done()
