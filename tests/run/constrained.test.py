#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers bound by schemas and grammars: complete within the limit of tokens, the same for the same seed, refused clearly."""
import json, os, sys, tempfile
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from constrained import SCHEMAS, answer, judge, tap, with_vocabulary

with tempfile.TemporaryDirectory() as tmp:
    def write(name, text):
        path = os.path.join(tmp, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    model = with_vocabulary(os.path.join(tap.DATA, "arch", "llama.gguf")).write(os.path.join(tmp, "llama.gguf"))
    for name, schema in SCHEMAS.items():
        path = write("schema.json", json.dumps(schema))
        wrong = [why for why in (judge(name, answer(model, path, seed, 24 + 9 * seed)) for seed in range(6)) if why]
        tap.ok(not wrong, f"answers validate: {name}", "\n".join(wrong))
    path = write("person.json", json.dumps(SCHEMAS["person"]))
    tap.ok(answer(model, path, 5, 60).out == answer(model, path, 5, 60).out != answer(model, path, 6, 60).out, "the seed decides")
    r = tap.moat("run", model, "a", "--raw", "--grammar", write("g.gbnf", 'root ::= ("ab" | "true"){3} "."'), "--seed", 1, "--json")
    done = json.loads(r.out) if r.status == 0 else {}
    tap.ok(done.get("finish_reason") == "end" and done["content"].replace("true", "ab") == "ababab.", "a grammar ends the answer", r)
    r = tap.moat("run", model, "a", "--raw", "--grammar", write("g.gbnf", 'root ::= <[117]> "!" | "?" <[117]>'), "--seed", 1)
    tap.ok(r.status == 0 and r.out.strip() in ("name!", "?name"), "a grammar may name tokens of the model", r)
    r = tap.moat("run", model, "a", "--raw", "--grammar", write("g.gbnf", 'root ::= "x" [\\u4e00]'))
    tap.ok(r.status == 5 and "no token of the vocabulary fits" in r.err, "a grammar that the vocabulary cannot write", r)
    r = tap.moat("run", model, "a", "--raw", "--grammar", write("g.gbnf", "root ::= nothing"))
    tap.ok(r.status == 2 and "g.gbnf: line 1, column 10" in r.err, "an error in a grammar names file and place", r)
    r = tap.moat("run", model, "a", "--raw", "--grammar", path, "--schema", path)
    tap.ok(r.status == 2 and "one of --grammar and --schema" in r.err, "one of the two", r)
tap.done()
