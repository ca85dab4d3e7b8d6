#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Anthropic's Messages API: their Python SDK against moat serve, and every reply and event against their schemas."""
import json
import os
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "lib"), os.path.join(here, "..", "run")]
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
from json_schema import valid  # noqa: E402
from tools import TOOLS, model  # noqa: E402

SCHEMAS = os.path.join(SHARED, "conformance", "anthropic")
folder = clients()
if not os.path.exists(SMOLLM2) or not os.path.isdir(SCHEMAS) or not folder:
    skip("the Messages API", "SmolLM2, the schemas in $MOAT_SHARED and scripts/fetch-clients are needed")
    done()
    sys.exit()
sys.path.insert(0, folder)
import anthropic  # noqa: E402

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
FIXED = {"model": "smollm2", "max_tokens": 24, "extra_body": {"temperature": 0}}  # the SDK has no argument for it
PLAIN = {"model": "smollm2", "max_tokens": 24, "temperature": 0}
OURS = [{"name": t["function"]["name"], "description": t["function"].get("description", ""), "input_schema": t["function"]["parameters"]} for t in TOOLS]
schemas = {n: json.load(open(os.path.join(SCHEMAS, n + ".schema.json"))) for n in ("Message", "ErrorResponse", "MessageTokensCount", "RawMessageStreamEvent")}


def follows(name, value, what):
    ok(valid(schemas[name], value, schemas[name]), f"{what} is a {name}", json.dumps(value)[:800])


def raises(kind, work):
    try:
        work()
    except kind as e:
        return e
    except Exception as e:  # noqa: BLE001
        note(f"{type(e).__name__}: {e}")
    return None


def sdk(port):
    c = anthropic.Anthropic(base_url=f"http://127.0.0.1:{port}", api_key="none", max_retries=0, timeout=60)
    r = c.messages.create(messages=QUESTION, **FIXED)
    whole = r.content[0].text
    ok("Paris" in whole and r.role == "assistant" and r.stop_reason in ("end_turn", "max_tokens") and 0 < r.usage.output_tokens <= 24, "sdk: a message", r)
    with c.messages.stream(messages=QUESTION, **FIXED) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    ok(text == whole == last.content[0].text and last.stop_reason == r.stop_reason and last.usage.output_tokens == r.usage.output_tokens,
       "sdk: a stream says the same", last)
    blocks = [{"role": "user", "content": [{"type": "text", "text": QUESTION[0]["content"], "cache_control": {"type": "ephemeral"}}]}]
    r = c.messages.create(messages=blocks, metadata={"user_id": "anna"}, **FIXED)
    ok(r.content[0].text == whole and r.usage.cache_read_input_tokens > 0, "sdk: blocks say the same, and what was read before is counted", r)
    r = c.messages.create(messages=QUESTION, system="You are a cook. Whatever is asked, speak of soup.", **FIXED)
    cook = r.content[0].text
    ok(cook != whole, "sdk: a system prompt", r)
    r = c.messages.create(messages=QUESTION, system=[{"type": "text", "text": "You are a cook. "}, {"type": "text", "text": "Whatever is asked, speak of soup."}], **FIXED)
    ok(r.content[0].text == cook, "sdk: one of blocks says the same", r)
    stop = whole[5:9]
    r = c.messages.create(messages=QUESTION, stop_sequences=[stop], **FIXED)
    ok(r.stop_reason == "stop_sequence" and r.stop_sequence == stop and r.content[0].text == whole[:whole.index(stop)], "sdk: a stop sequence", r)
    r = c.messages.create(messages=QUESTION, **dict(FIXED, max_tokens=2))
    ok(r.stop_reason == "max_tokens" and r.usage.output_tokens == 2, "sdk: max_tokens", r)
    n = c.messages.count_tokens(model="smollm2", messages=QUESTION).input_tokens
    r = c.messages.create(messages=QUESTION, **FIXED)
    ok(n == r.usage.input_tokens + r.usage.cache_read_input_tokens, f"sdk: count_tokens says {n}, as the answer does", r)
    ok(c.messages.count_tokens(model="smollm2", messages=QUESTION, system="Be brief. " * 30).input_tokens > n, "sdk: and counts the system prompt")
    schema = {"type": "object", "properties": {"capital": {"type": "string"}}, "required": ["capital"], "additionalProperties": False}
    r = c.messages.create(messages=QUESTION, output_config={"format": {"type": "json_schema", "schema": schema}}, **dict(FIXED, max_tokens=80))
    ok(set(json.loads(r.content[0].text)) == {"capital"}, "sdk: an answer bound by a schema", r)


def sdk_errors(port):
    c = anthropic.Anthropic(base_url=f"http://127.0.0.1:{port}", api_key="none", max_retries=0, timeout=60)
    for what, kind, words, more in (
            ("an unknown model", anthropic.NotFoundError, "claude", {"model": "claude-sonnet-4"}),
            ("a value out of range", anthropic.BadRequestError, "temperature", {"extra_body": {"temperature": -1}}),
            ("a prompt too long, with both counts", anthropic.BadRequestError, "8192", {"messages": [{"role": "user", "content": "long " * 20000}]}),
            ("an image", anthropic.BadRequestError, "image", {"messages": [{"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]}]}),
            ("a tool that the service runs", anthropic.BadRequestError, "service", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            ("tools that the template does not take", anthropic.BadRequestError, "takes no tools", {"tools": OURS})):
        e = raises(kind, lambda: c.messages.create(**dict(dict(FIXED, messages=QUESTION), **more)))
        ok(e and words in str(e), f"sdk: {what} is refused", e)
        if e:
            follows("ErrorResponse", e.body, f"that {e.status_code}")


def shapes(s):
    body = dict(PLAIN, messages=QUESTION)
    follows("Message", s.post("/v1/messages", body).json(), "a reply")
    follows("MessageTokensCount", s.post("/v1/messages/count_tokens", {"model": "smollm2", "messages": QUESTION}).json(), "a count")
    raw = s.post("/v1/messages", dict(body, stream=True)).body.decode()
    names = [line[7:] for line in raw.split("\n") if line.startswith("event: ")]
    events = [json.loads(line[6:]) for line in raw.split("\n") if line.startswith("data: ")]
    ok(names == [e["type"] for e in events] and names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"],
       "each event has the name of its type, in order", names)
    bad = [e for e in events if not valid(schemas["RawMessageStreamEvent"], e, schemas["RawMessageStreamEvent"])]
    ok(events and not bad, f"{len(events)} events are each a RawMessageStreamEvent", json.dumps(bad[:2])[:800])
    for what, body in (("no messages", {"model": "smollm2", "max_tokens": 4}), ("no max_tokens", {"model": "smollm2", "messages": QUESTION}),
                       ("none at all", dict(PLAIN, messages=[])), ("a role that is none", dict(PLAIN, messages=[{"role": "god", "content": "a"}])),
                       ("content of a wrong kind", dict(PLAIN, messages=[{"role": "user", "content": 7}])),
                       ("a block without text", dict(PLAIN, messages=[{"role": "user", "content": [{"type": "text"}]}])),
                       ("a result without its call", dict(PLAIN, messages=[{"role": "user", "content": [{"type": "tool_result"}]}])),
                       ("a call without input", dict(PLAIN, messages=[{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b"}]}])),
                       ("a system of a wrong kind", dict(PLAIN, messages=QUESTION, system=7)),
                       ("a choice that is none", dict(PLAIN, messages=QUESTION, tool_choice={"type": "maybe"})), ("no JSON", b"{")):
        r = s.post("/v1/messages", body)
        ok(r.status == 400, f"{what} is refused with 400", r)
        follows("ErrorResponse", r.json(), what)


def calls(s):
    """A bound model calls: streamed as unstreamed; then the call and its result go back."""
    c = anthropic.Anthropic(base_url=f"http://127.0.0.1:{s.port}", api_key="none", max_retries=0, timeout=60)
    n = 0
    for seed in range(6):
        ask = dict(model="hermes", max_tokens=200, messages=[{"role": "user", "content": f"hi {seed}"}], tools=OURS, tool_choice={"type": "any"},
                   extra_body={"temperature": 1.5, "top_k": 0, "top_p": 1, "min_p": 0, "seed": seed})
        r = c.messages.create(**ask)
        with c.messages.stream(**ask) as stream:
            for _ in stream:
                pass
            streamed = stream.get_final_message()
        same = lambda m: [(b.type, getattr(b, "text", None), getattr(b, "name", None), getattr(b, "input", None)) for b in m.content]
        if r.stop_reason == "tool_use":
            n += 1
            call = next(b for b in r.content if b.type == "tool_use")
            tool = next(t for t in OURS if t["name"] == call.name)
            ok(valid(tool["input_schema"], call.input, tool["input_schema"]), f"call {seed}: its input fits the tool", call)
            ok(same(r) == same(streamed) and streamed.stop_reason == "tool_use", f"call {seed}: streamed as unstreamed", streamed)
            follows("Message", r.model_dump(mode="json"), f"call {seed}")
            after = c.messages.create(**dict(ask, tool_choice={"type": "none"}, messages=ask["messages"] + [
                {"role": "assistant", "content": [b.model_dump(mode="json", exclude_none=True) for b in r.content]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "22 degrees"}]},
                                             {"type": "text", "text": "And now?"}]}]))
            ok(after.role == "assistant", f"call {seed}: its result goes back", after)
    ok(n > 0, f"{n} calls were made")


with Server() as s:
    sdk(s.port)
    sdk_errors(s.port)
    shapes(s)
with tempfile.TemporaryDirectory() as tmp:
    with Server(model("hermes", tmp)) as s:
        calls(s)
done()
