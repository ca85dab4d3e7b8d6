#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenAI's Responses API: their Python SDK against moat serve, and every reply and event against their API description."""
import json
import os
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "lib"), os.path.join(here, "..", "run")]
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
from json_schema import valid  # noqa: E402
from openapi import plain  # noqa: E402
from tools import TOOLS, model  # noqa: E402

OPENAI = os.path.join(SHARED, "conformance", "openapi", "openai-subset.json")
folder = clients()
if not os.path.exists(SMOLLM2) or not os.path.exists(OPENAI) or not folder:
    skip("the Responses API", "SmolLM2, the API description in $MOAT_SHARED and scripts/fetch-clients are needed")
    done()
    sys.exit()
sys.path.insert(0, folder)
import openai  # noqa: E402
import pydantic  # noqa: E402

PATH = "/v1/responses"
FIXED = dict(model="smollm2", temperature=0, max_output_tokens=24)
ASK = "What is the capital of France?"
OURS = [dict(type="function", strict=None, **t["function"]) if "strict" not in t["function"] else dict(type="function", **t["function"]) for t in TOOLS]
WILD = dict(temperature=1.5, top_k=0, top_p=1, min_p=0)
api = plain(json.load(open(OPENAI)))


class Answer(pydantic.BaseModel):
    capital: str
    people: int


def follows(name, value, what):
    return ok(valid({"$ref": f"#/components/schemas/{name}"}, value, api), f"{what} is a {name}", json.dumps(value)[:1500])


def sdk_of(s, **more):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{s.port}/v1", api_key="none", max_retries=0, timeout=60, **more)


def raises(kind, work):
    try:
        work()
    except kind as e:
        return e
    except Exception as e:  # noqa: BLE001
        note(f"{type(e).__name__}: {e}")
    return None


def events_of(r):
    """(name of the event, its value) of a stream."""
    blocks = [b.split("\n") for b in r.body.decode().split("\n\n") if b]
    return [(b[0][len("event: "):], json.loads(b[1][len("data: "):])) for b in blocks]


def bare(item):
    """An item without what differs from answer to answer."""
    return {k: v for k, v in item.items() if k not in ("id", "call_id")}


def grown(events):
    """The items that the deltas of a stream make, checked against what each event says is done."""
    items, numbers = {}, [e["sequence_number"] for _, e in events]
    good = numbers == list(range(len(numbers))) and all(n == e["type"] for n, e in events)
    for n, e in events:
        at = e.get("output_index")
        if n == "response.output_item.added":
            good = good and at == len(items) and e["item"]["status"] == "in_progress"
            items[at] = {"id": e["item"]["id"], "text": ""}
        elif n.endswith(".delta"):
            good = good and items[at]["id"] == e["item_id"]
            items[at]["text"] += e["delta"]
        elif n.endswith("text.done"):
            good = good and items[at]["text"] == e["text"]
        elif n.endswith("arguments.done"):
            good = good and items[at]["text"] == e["arguments"]
        elif n == "response.output_item.done":
            items[at]["item"] = e["item"]
    return good and all("item" in i for i in items.values()), [items[i].get("item") for i in sorted(items)]


def sdk(s):
    c = sdk_of(s)
    r = c.responses.create(input=ASK, **FIXED)
    whole = r.output_text
    ok("Paris" in whole and r.status == "completed" and r.usage.output_tokens <= 24 and r.id.startswith("resp_"), "sdk: a text", r)
    with c.responses.stream(input=ASK, **FIXED) as stream:
        text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        last = stream.get_final_response()
    ok(text == whole == last.output_text and last.usage.total_tokens == r.usage.total_tokens, "sdk: a stream says the same", last)
    ok(last.usage.input_tokens_details.cached_tokens > 0, "sdk: and what was read before is counted", last.usage)
    same = [{"role": "user", "content": [{"type": "input_text", "text": "What is the capital "}, {"type": "input_text", "text": "of France?"}]}]
    ok(c.responses.create(input=same, **FIXED).output_text == whole, "sdk: items say the same as a text")
    n = c.responses.input_tokens.count(model="smollm2", input=ASK).input_tokens
    ok(n == r.usage.input_tokens, f"sdk: {n} tokens are counted, as the answer does")
    cook = c.responses.create(input=ASK, instructions="You are a cook. Whatever is asked, speak of soup.", **FIXED)
    ok(cook.output_text != whole and cook.instructions.startswith("You are a cook"), "sdk: instructions", cook)
    r = c.responses.create(input=ASK, **dict(FIXED, max_output_tokens=2))
    ok(r.status == "incomplete" and r.incomplete_details.reason == "max_output_tokens" and r.usage.output_tokens == 2 and
       r.output[0].status == "incomplete", "sdk: max_output_tokens", r)
    r = c.responses.create(input=ASK, include=["message.output_text.logprobs"], top_logprobs=2, **dict(FIXED, max_output_tokens=4))
    found = r.output[0].content[0].logprobs
    ok(len(found) >= 3 and all(len(t.top_logprobs) == 2 and t.logprob <= 0 for t in found), "sdk: logprobs", r)
    r = c.responses.parse(input=ASK, text_format=Answer, **dict(FIXED, max_output_tokens=120))
    ok(isinstance(r.output_parsed, Answer) and r.output_parsed.capital, "sdk: an answer that fits a class", r)
    r = c.responses.create(input=ASK, text={"format": {"type": "json_object"}}, **dict(FIXED, max_output_tokens=200))
    ok(isinstance(json.loads(r.output_text), dict), "sdk: json_object", r)


def kept(s):
    """previous_response_id goes on from what was said; what was not kept, or is gone, does not."""
    c = sdk_of(s)
    first = c.responses.create(input="My name is Ann. Say hello.", instructions="Be brief.", metadata={"a": "b"}, **FIXED)
    went = c.responses.create(input="And what is my name?", previous_response_id=first.id, **FIXED)
    said = c.responses.create(input=[{"role": "user", "content": "My name is Ann. Say hello."}, *[o.model_dump(exclude_none=True) for o in first.output],
                                     {"role": "user", "content": "And what is my name?"}], **FIXED)
    ok(went.output_text == said.output_text and went.usage.input_tokens == said.usage.input_tokens and went.previous_response_id == first.id,
       "previous_response_id is the conversation so far, without its instructions", went)
    again = c.responses.retrieve(first.id)
    ok(again.output_text == first.output_text and again.metadata == {"a": "b"}, "a response is read again", again)
    c.responses.delete(first.id)
    e = raises(openai.NotFoundError, lambda: c.responses.create(input="Go on.", previous_response_id=first.id, **FIXED))
    ok(e and e.param == "previous_response_id" and e.code == "previous_response_not_found", "one that was deleted is not there", e)
    ok(raises(openai.NotFoundError, lambda: c.responses.retrieve(first.id)) is not None, "nor read again")
    none = c.responses.create(input="Hi", store=False, **FIXED)
    ok(none.store is False and raises(openai.NotFoundError, lambda: c.responses.retrieve(none.id)) is not None, "store false: it is not kept", none)
    r = s.ask("DELETE", PATH + "/resp_none")
    ok(r.status == 404, "what is not there cannot be deleted", r)


def shapes(s):
    body = dict(FIXED, input=ASK)
    follows("Response", s.post(PATH, body).json(), "a response")
    follows("Response", s.post(PATH, dict(body, tools=OURS, tool_choice="none", metadata={"k": "v"}, user="anna", reasoning={"effort": "low"},
                                          truncation="auto", service_tier="auto", include=["reasoning.encrypted_content"])).json(), "one with all fields")
    for more in ({}, {"max_output_tokens": 1}, {"include": ["message.output_text.logprobs"], "top_logprobs": 1}):
        events = events_of(s.post(PATH, dict(body, stream=True, **more)))
        bad = [e for _, e in events if not valid({"$ref": "#/components/schemas/ResponseStreamEvent"}, e, api)]
        ok(events and not bad, f"{len(events)} events {list(more)} are each a ResponseStreamEvent", json.dumps(bad[:2])[:1500])
        names = [n for n, _ in events]
        good, items = grown(events)
        last = events[-1][1]["response"]
        ok(good and names[:2] == ["response.created", "response.in_progress"] and items == last["output"] and
           names[-1] == ("response.incomplete" if "max_output_tokens" in more else "response.completed"), "they are numbered, and their deltas make the items", names)
    for what, field, said, more in (
            ("no input", "input", "missing", {"input": None}), ("input of a wrong kind", "input", "must be", {"input": 7}), ("no items", "input", "1 to", {"input": []}),
            ("an item that is none", "input", "object", {"input": [7]}), ("a role that is none", "input", "role", {"input": [{"role": "god", "content": "a"}]}),
            ("an image", "input", "images", {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]}),
            ("an item of a service", "input", "web_search_call", {"input": [{"type": "web_search_call", "id": "x"}]}),
            ("a call without its id", "input", "call_id", {"input": [{"type": "function_call", "name": "a", "arguments": "{}"}]}),
            ("an output without its call", "input", "call_id", {"input": [{"type": "function_call_output", "output": "a"}]}),
            ("a tool of a service", "tools", "functions of your own", {"tools": [{"type": "web_search"}]}),
            ("a tool in the form of chats", "tools", "functions of your own", {"tools": TOOLS}),
            ("tools that the template does not take", "tools", "takes no tools", {"tools": OURS}),
            ("a choice that is none", "tool_choice", "must be", {"tool_choice": {"type": "maybe"}}),
            ("a format that is none", "text", "format", {"text": {"format": {"type": "xml"}}}),
            ("an effort that is none", "effort", "must be", {"reasoning": {"effort": "enormous"}}),
            ("background", "background", "is not here", {"background": True}), ("a conversation", "conversation", "is not here", {"conversation": "c"}),
            ("metadata that is none", "metadata", "strings", {"metadata": {"a": 1}}), ("a user that is none", "user", "string", {"user": 7}),
            ("a schema without a name", "text", "name", {"text": {"format": {"type": "json_schema", "schema": {}}}}),
            ("a value out of range", "temperature", "temperature", {"temperature": -1}), ("a stream that is none", "stream", "true or false", {"stream": 1}),
            ("too long an input, with both counts", "input", "8192", {"input": "long " * 20000})):
        r = s.post(PATH, dict(body, **more))
        e = r.json()["error"]
        ok(r.status == 400 and e["param"] == field and said in e["message"], f"{what} is refused", r)
    follows("ErrorResponse", r.json(), "a refusal")


def leaves(s):
    c = sdk_of(s)
    stream = c.responses.create(model="smollm2", input=ASK, max_output_tokens=4000, stream=True, temperature=1.5, extra_body={"min_p": 0})
    next(iter(stream))
    stream.close()
    t0 = time.monotonic()
    while time.monotonic() - t0 < 5 and not any(e["status"] == 499 for e in s.events("request")):
        time.sleep(0.02)
    ok(any(e["status"] == 499 for e in s.events("request")), f"a client that leaves is noticed after {time.monotonic() - t0:.2f} s")


def falls(s):
    """The engine is killed amid a stream: the client gets an event that says so."""
    stream = sdk_of(s).responses.create(model="smollm2", input=ASK, max_output_tokens=4000, stream=True, temperature=1.5, extra_body={"min_p": 0})
    names = []
    for event in stream:
        if not names:
            os.kill(s.engine(), 9)
        names.append(event.type)
    name, e = names[-1], event.model_dump(mode="json", exclude_unset=True)
    ok(name == "response.failed" and e["response"]["status"] == "failed" and "fallen" in e["response"]["error"]["message"], "an engine that falls is told", e)
    follows("ResponseFailedEvent", e, "that event")


def calls(s, syntax):
    """A bound model thinks and calls: streamed as unstreamed; then the items and the result of the call go back."""
    c, n, wrong, kinds = sdk_of(s), 0, [], set()
    for seed in range(3):
        body = dict(model=syntax, input=f"hi {seed}", tools=OURS, tool_choice="required", max_output_tokens=200, seed=seed, **WILD)
        r = s.post(PATH, body).json()
        events = events_of(s.post(PATH, dict(body, stream=True)))
        good, items = grown(events)
        bad = [e for _, e in events if not valid({"$ref": "#/components/schemas/ResponseStreamEvent"}, e, api)]
        if bad or not good or not valid({"$ref": "#/components/schemas/Response"}, r, api) or [bare(i) for i in items] != [bare(i) for i in r["output"]]:
            wrong.append(f"{seed}: {json.dumps(bad[:1])} {json.dumps(r)} {items}")
        kinds |= {i["type"] for i in r["output"]}
        found = [i for i in r["output"] if i["type"] == "function_call" and i["status"] == "completed"]
        n += len(found)
        fits = [t["function"]["parameters"] for f in found for t in TOOLS if t["function"]["name"] == f["name"] and valid(t["function"]["parameters"], json.loads(f["arguments"]), {})]
        if len(fits) != len(found):
            wrong.append(f"{seed}: arguments: {found}")
        if found:
            back = [{"type": "function_call_output", "call_id": f["call_id"], "output": "22 degrees"} for f in found]
            whole = s.post(PATH, dict(body, tool_choice="none", max_output_tokens=4, input=[{"role": "user", "content": f"hi {seed}"}] + r["output"] + back))
            short = s.post(PATH, dict(body, tool_choice="none", max_output_tokens=4, input=back, previous_response_id=r["id"]))
            if whole.status != 200 or short.status != 200 or whole.json()["usage"]["input_tokens"] != short.json()["usage"]["input_tokens"]:
                wrong.append(f"{seed}: back: {whole} {short}")
    ok(not wrong and n >= 2 and "function_call" in kinds, f"{syntax}: {n} calls ({sorted(kinds)}), streamed as unstreamed, and their results go back",
       "\n".join(wrong)[:3000])
    extra = dict(WILD, seed=3)
    extra.pop("temperature"), extra.pop("top_p")
    with c.responses.stream(model=syntax, input="hi", tools=OURS[1:], tool_choice={"type": "function", "name": "add"}, max_output_tokens=400, temperature=1.5,
                            top_p=1, parallel_tool_calls=False, extra_body=extra) as stream:
        seen = {e.type for e in stream}
        final = stream.get_final_response()
    call = [o for o in final.output if o.type == "function_call"]
    ok("response.function_call_arguments.delta" in seen and len(call) == 1 and call[0].name == "add" and set(json.loads(call[0].arguments)) == {"a", "b"},
       f"{syntax}: the SDK's helper for streams reads the call", final)
    only = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_weather"}]}
    r = s.post(PATH, dict(model=syntax, input="hi", tools=OURS, tool_choice=only, max_output_tokens=200, seed=1, **WILD)).json()
    ok({i["name"] for i in r["output"] if i["type"] == "function_call"} == {"get_weather"}, f"{syntax}: only tools that are allowed are called", r)


def thinks(s):
    """What is thought is an item of its own, is counted, and goes back with the next request."""
    for seed in range(8):
        body = dict(model="glm", input="hi", tools=OURS, tool_choice="required", max_output_tokens=60, seed=seed, **WILD)
        r = s.post(PATH, body).json()
        thought = [i for i in r["output"] if i["type"] == "reasoning"]
        if thought:
            break
    if not ok(thought and thought[0]["content"][0]["text"] and 0 < r["usage"]["output_tokens_details"]["reasoning_tokens"] <= r["usage"]["output_tokens"],
              "what is thought is an item of its own, and counted", r):
        return
    again = s.post(PATH, dict(body, input=[{"role": "user", "content": "hi"}] + r["output"] + [{"role": "user", "content": "go on"}]))
    ok(again.status == 200, "and is taken back", again)


def crowd(s):
    """Of 256 KiB a client has a quarter: its oldest answers make room for its newest."""
    ids = []
    for i in range(12):
        body = {"model": "hermes", "input": "hi", "max_output_tokens": 1, "metadata": {"big": "x" * 10000}}
        ids.append(s.post(PATH, body).json()["id"])
    there = [s.get(PATH + "/" + i).status for i in ids]
    ok(there[0] == 404 and there[-3:] == [200] * 3 and there == sorted(there, reverse=True), "keep_responses is kept: the oldest answers go", there)


with tempfile.TemporaryDirectory() as tmp:
    with Server() as s:
        sdk(s)
        kept(s)
        shapes(s)
        leaves(s)
        falls(s)
    with Server([model(m, tmp) for m in ("hermes", "glm")], "--keep-responses", "256K") as s:
        for m in ("hermes", "glm"):
            calls(s, m)
        thinks(s)
        crowd(s)
    with Server(model("hermes", tmp), "--keep-responses", "0") as s:
        r = s.post(PATH, {"model": "hermes", "input": "hi", "max_output_tokens": 1}).json()
        ok(r["store"] is False and s.get(PATH + "/" + r["id"]).status == 404, "keep_responses 0: nothing is kept", r)
done()
