#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls of tools and reasoning through moat serve: what OpenAI's and Ollama's clients get, streamed and not, from bound fixtures."""
import json
import os
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "lib"), os.path.join(here, "..", "run")]
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
import json_schema  # noqa: E402
from tools import TOOLS, model  # noqa: E402

SYNTAXES = ("hermes", "mistral-args", "harmony", "glm", "llama3")
WILD = {"temperature": 1.5, "top_k": 0, "top_p": 1, "min_p": 0}
folder = clients()
if folder:
    sys.path.insert(0, folder)


def ask(m, seed=3, **more):
    return dict(dict(model=m, messages=[{"role": "user", "content": "hi"}], tools=TOOLS, tool_choice="required", max_tokens=160, seed=seed, **WILD), **more)


def fits(call, closed=True):
    f = next((t["function"] for t in TOOLS if t["function"]["name"] == call["name"]), None)
    try:
        args = call["arguments"] if isinstance(call["arguments"], dict) else json.loads(call["arguments"])
    except ValueError:
        return False
    return f is not None and json_schema.valid(f["parameters"] if closed else {k: v for k, v in f["parameters"].items() if k != "additionalProperties"}, args)


def joined(events):
    """The message that the deltas of a stream make, and its finish_reason."""
    text, thought, calls, finish = "", "", [], None
    for e in events:
        if e == "[DONE]" or not e["choices"]:
            continue
        c = e["choices"][0]
        d = c["delta"]
        text += d.get("content") or ""
        thought += d.get("reasoning_content") or ""
        for t in d.get("tool_calls", []):
            if t["index"] == len(calls):
                calls.append({"id": t["id"], "type": t["type"], "name": "", "arguments": ""})
            calls[t["index"]]["name"] += t["function"].get("name", "")
            calls[t["index"]]["arguments"] += t["function"].get("arguments", "")
        finish = c["finish_reason"] or finish
    return text, thought, [(c["name"], c["arguments"]) for c in calls], finish


def whole(r):
    c = r.json()["choices"][0]
    m = c["message"]
    return m["content"] or "", m.get("reasoning_content", ""), [(t["function"]["name"], t["function"]["arguments"]) for t in m.get("tool_calls", [])], \
        c["finish_reason"]


def refused(s, name, status, field, said, path="/v1/chat/completions", **more):
    r = s.post(path, ask("hermes", **more))
    error = r.json()["error"]
    ok(r.status == status and error["param"] == field and said in error["message"], f"refused: {name}", r)


def every_syntax(s):
    chat = "/v1/chat/completions"
    for m in SYNTAXES:
        n, wrong = 0, []
        for seed in range(4):
            a = s.post(chat, ask(m, seed))
            b = s.post(chat, ask(m, seed, stream=True))
            if a.status != 200 or whole(a) != joined(b.events()):
                wrong.append(f"{a} {b}")
                continue
            calls = a.json()["choices"][0]["message"].get("tool_calls", [])
            finish = a.json()["choices"][0]["finish_reason"]
            n += len(calls)
            if finish == "tool_calls" and not all(fits(c["function"]) and len(c["id"]) == 9 and c["id"].isalnum() for c in calls):
                wrong.append(str(a))
        ok(not wrong and n >= 3, f"{m}: {n} calls, streamed as unstreamed", "\n".join(wrong)[:3000])


def cut_calls(s):
    """At every length of the answer: what comes is a prefix of the whole, and says that it was cut."""
    full = whole(s.post("/v1/chat/completions", ask("hermes")))[2][0]
    bad, partial = [], 0
    for n in range(1, 60, 3):
        a = s.post("/v1/chat/completions", ask("hermes", max_tokens=n))
        b = s.post("/v1/chat/completions", ask("hermes", max_tokens=n, stream=True))
        text, _, calls, finish = whole(a)
        if whole(a) != joined(b.events()) or finish != "length" or (calls and (calls[0][0] != full[0] or not full[1].startswith(calls[0][1]))):
            bad.append(f"{n}: {a} {b}")
        partial += bool(calls and calls[0][1])
    ok(not bad and partial > 5, f"a call that max_tokens cuts is its beginning, with finish_reason length ({partial} of 20)", "\n".join(bad)[:2000])
    options = dict(WILD, seed=3, num_predict=30)
    body = {"model": "hermes", "messages": [{"role": "user", "content": "hi"}], "tools": TOOLS, "tool_choice": "required", "options": options}
    r = s.post("/api/chat", dict(body, stream=False)).json()
    text = "".join(x["message"]["content"] for x in s.post("/api/chat", body).lines())
    ok("tool_calls" not in r["message"] and "<tool_call>" in r["message"]["content"] and text == r["message"]["content"] and r["done_reason"] == "length",
       "for Ollama's clients it is text", r)


def choices(s):
    r = s.post("/v1/chat/completions", ask("hermes", tool_choice={"type": "function", "function": {"name": "get_weather"}}))
    ok(whole(r)[2] and {c[0] for c in whole(r)[2]} == {"get_weather"}, "a tool that is named is called", r)
    for seed in range(6):
        r = s.post("/v1/chat/completions", ask("hermes", seed, parallel_tool_calls=False))
        if len(whole(r)[2]) > 1:
            break
    ok(len(whole(r)[2]) <= 1, "parallel_tool_calls false: one call at most", r)
    r = s.post("/v1/chat/completions", ask("hermes", tool_choice="none", max_tokens=8))
    ok(r.status == 200 and not whole(r)[2], "none: no call", r)
    again = [{"role": "user", "content": "hi"},
             {"role": "assistant", "content": None, "tool_calls": [{"id": "abcdefghi", "type": "function", "function": {"name": "add", "arguments": "{\"a\": 1}"}}]},
             {"role": "tool", "tool_call_id": "abcdefghi", "content": "2"}]
    r = s.post("/v1/chat/completions", ask("hermes", messages=again, tool_choice="auto", max_tokens=4))
    ok(r.status == 200, "a result of a tool is taken", r)


def refusals(s):
    refused(s, "a tool that is not there", 400, "tools", "no tool with the name x", tool_choice={"type": "function", "function": {"name": "x"}})
    refused(s, "a choice without tools", 400, "tool_choice", "no \"tools\"", tools=[])
    refused(s, "a choice that is none", 400, "tool_choice", "must be", tool_choice={"type": "any"})
    refused(s, "the old form", 400, "functions", "use \"tools\"", functions=[])
    refused(s, "a schema beside them", 400, "tools", "schema", response_format={"type": "json_object"})
    refused(s, "a name that is none", 400, "tools", "name", tools=[{"type": "function", "function": {"name": "a b"}}])
    strict = {"type": "function", "function": {"name": "a", "strict": True, "parameters": {"type": "object", "properties": {
        "l": {"type": "array", "uniqueItems": True}}}}}
    refused(s, "a strict schema that cannot be kept", 400, "tools", "uniqueItems", tools=[strict])
    refused(s, "context_shift", 400, "context_shift", "does not drop", context_shift=True)
    refused(s, "what is fixed at loading", 400, "rope_scale", "is fixed", rope_scale=2)
    refused(s, "more context than there is", 400, "context_window", "512", context_window=50000)
    refused(s, "a prompt beyond context_window", 400, "messages", "the context holds 5", context_window=5)


def sdks(s):
    import ollama
    import openai
    c = openai.OpenAI(base_url=f"http://127.0.0.1:{s.port}/v1", api_key="none", max_retries=0, timeout=60)
    extra = dict(top_k=0, min_p=0)
    r = c.chat.completions.create(model="hermes", messages=[{"role": "user", "content": "hi"}], tools=TOOLS, tool_choice="required", max_tokens=160,
                                  temperature=1.5, seed=3, extra_body=extra)
    call = r.choices[0].message.tool_calls[0]
    ok(r.choices[0].finish_reason == "tool_calls" and fits({"name": call.function.name, "arguments": call.function.arguments}), "openai: a call", r)
    with c.chat.completions.stream(model="hermes", messages=[{"role": "user", "content": "hi"}], tools=TOOLS[1:], tool_choice="required", max_tokens=400,
                                   parallel_tool_calls=False, temperature=1.5, seed=3, extra_body=extra) as stream:
        kinds = [e.type for e in stream]
        final = stream.get_final_completion()
    ok("tool_calls.function.arguments.delta" in kinds and final.choices[0].message.tool_calls[0].function.name == "add",
       "openai: its helper for streams reads the call", final)
    o = ollama.Client(host=f"http://127.0.0.1:{s.port}")
    r = o.chat("harmony", [{"role": "user", "content": "hi"}], tools=TOOLS, options=dict(WILD, seed=3, num_predict=160, num_ctx=131072))
    found = [{"name": t.function.name, "arguments": dict(t.function.arguments)} for t in r.message.tool_calls or []]
    ok(found and all(fits(f, closed=False) for f in found), "ollama: a call (its SDK sends no additionalProperties)", r)
    parts = list(o.chat("harmony", [{"role": "user", "content": "hi"}], tools=TOOLS, stream=True, options=dict(WILD, seed=3, num_predict=160)))
    again = [{"name": t.function.name, "arguments": dict(t.function.arguments)} for p in parts for t in p.message.tool_calls or []]
    ok(again == found, "ollama: streamed, the same", again)


with tempfile.TemporaryDirectory() as tmp:
    with Server([model(m, tmp) for m in SYNTAXES]) as s:
        every_syntax(s)
        cut_calls(s)
        choices(s)
        refusals(s)
        if folder:
            sdks(s)
        else:
            skip("sdks", "the clients are not there: scripts/fetch-clients")
done()
