#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat run --tools: bound calls in fourteen syntaxes, what is printed where, choices, refusals."""
import json, os, sys, tempfile
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tools import SYNTAXES, TOOLS, answer, judge, model, tap, tools_file
from terminal import Terminal

with tempfile.TemporaryDirectory() as tmp:
    tools = tools_file(tmp)

    def write(name, text):
        path = os.path.join(tmp, name)
        with open(path, "w") as f:
            f.write(text if isinstance(text, str) else json.dumps(text))
        return path

    def refused(name, status, said, *args):
        r = tap.moat("run", hermes, *args)
        tap.ok(r.status == status and said in r.err and r.err.count("\n") == 1 and r.out == "", f"refused: {name}", r)

    for syntax in SYNTAXES:
        path, wrong, n = model(syntax, tmp), [], 0
        for seed in range(6):
            choice = ("required", "add", "required", "get_weather", "required", "auto")[seed]
            why, calls = judge(answer(path, tools, seed, choice), choice)
            wrong += [f"seed {seed}: {why}"] if why else []
            n += calls
        tap.ok(not wrong and n >= 5, f"{syntax}: {n} calls, all valid", "\n".join(wrong))

    hermes, harmony = os.path.join(tmp, "hermes.gguf"), os.path.join(tmp, "harmony.gguf")
    r = answer(harmony, tools, 3, "required")
    j = json.loads(r.out)
    tap.ok(j["content"] == "" or "<|" not in j["content"], "no marker is left in the content", r)
    tap.ok(all(set(c) == {"id", "type", "function"} and c["type"] == "function" and c["id"] for c in j["tool_calls"]), "calls are as OpenAI has them", r)
    r = answer(hermes, tools, 1, "none")
    tap.ok(r.status == 0 and json.loads(r.out)["tool_calls"] == [], "--tool-choice none: no calls", r)
    r = tap.moat("run", hermes, "hi", "--tools", write("o.json", {"tools": TOOLS}), "--tool-choice", "add", "--seed", 1, "--max-tokens", 160)
    tap.ok(r.status == 0 and "<tool_call>" in r.out and '{"name": "add"' in r.out, "into a pipe the call goes as the model wrote it; {\"tools\": ..} will do", r)
    t = Terminal([tap.MOAT, "run", hermes, "hi", "--tools", tools, "--tool-choice", "add", "--seed", "1", "--max-tokens", "160"])
    tap.ok(t.wait() == 0 and "add {" in t.screen.text() and "<tool_call>" not in t.screen.text(), "at a terminal it is shown without its markers", t.screen.text())
    t.close()
    odd = [{"name": "a", "parameters": {"type": "object", "properties": {"l": {"type": "array", "uniqueItems": True}}}}]
    r = tap.moat("run", hermes, "hi", "--tools", write("odd.json", odd), "--max-tokens", 4)
    tap.ok(r.status == 0 and "tool a: " in r.err and "uniqueItems" in r.err, "a schema that cannot be kept is said", r)
    odd[0]["strict"] = True
    refused("a strict one", 5, "uniqueItems", "hi", "--tools", write("odd.json", odd))
    refused("a file that is absent", 3, "none.json", "hi", "--tools", os.path.join(tmp, "none.json"))
    refused("no JSON", 2, "bad.json", "hi", "--tools", write("bad.json", "{"))
    refused("no tools", 2, "tools must be a JSON array", "hi", "--tools", write("bad.json", "{}"))
    refused("a name that is none", 2, "tool 1 needs", "hi", "--tools", write("bad.json", [{"name": "a b"}]))
    refused("a tool that is not there", 2, "no tool with the name x", "hi", "--tools", tools, "--tool-choice", "x")
    refused("a choice without tools", 2, "--tool-choice needs --tools", "hi", "--tool-choice", "auto")
    refused("a grammar beside", 2, "give one of", "hi", "--tools", tools, "--schema", tools)
    refused("--raw", 2, "--raw", "hi", "--tools", tools, "--raw")
    hermes = os.path.join(tap.DATA, "arch", "llama.gguf")
    refused("a template without tools", 5, "takes no tools", "hi", "--tools", tools)
tap.done()
