#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Python SDKs of OpenAI and Ollama against moat serve: chat, stream, tools, schema, embeddings, errors, cancel."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

folder = clients()
if not os.path.exists(SMOLLM2) or not folder:
    skip("clients", f"no {SMOLLM2}: scripts/fetch-model --tests brings it" if folder else "the clients are not there: scripts/fetch-clients")
    done()
sys.path.insert(0, folder)
import ollama  # noqa: E402
import openai  # noqa: E402

ASK = [{"role": "user", "content": "What is the capital of France?"}]
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather of a city",
                                         "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
SCHEMA = {"type": "object", "properties": {"capital": {"type": "string"}, "people": {"type": "integer"}},
          "required": ["capital", "people"], "additionalProperties": False}


def raises(kind, work):
    try:
        work()
    except kind as e:
        return e
    except Exception as e:  # noqa: BLE001
        note(f"{type(e).__name__}: {e}")
    return None


def openai_script(port):
    c = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0, timeout=60)
    models = [m.id for m in c.models.list()]
    ok(models == ["smollm2"] and c.models.retrieve("smollm2").owned_by == "moat", "openai: models", models)
    fixed = dict(model="smollm2", temperature=0, seed=1)
    r = c.chat.completions.create(messages=ASK, max_completion_tokens=24, **fixed)
    whole = r.choices[0].message.content
    ok(whole and r.choices[0].finish_reason in ("stop", "length") and r.usage.completion_tokens <= 24, "openai: chat", r)
    parts = list(c.chat.completions.create(messages=ASK, max_tokens=24, stream=True, stream_options={"include_usage": True}, **fixed))
    text = "".join(p.choices[0].delta.content or "" for p in parts if p.choices)
    ok(text == whole, "openai: a stream says the same", f"{text!r} {whole!r}")
    ok(parts[-1].usage.total_tokens == r.usage.total_tokens and not parts[-1].choices, "openai: and its last part has the usage", parts[-1])
    r = c.chat.completions.create(messages=ASK, max_tokens=16, n=3, model="smollm2", temperature=1.2, seed=7)
    ok(len(r.choices) == 3 and [x.index for x in r.choices] == [0, 1, 2], "openai: n", r)
    again = c.chat.completions.create(messages=ASK, max_tokens=16, n=3, model="smollm2", temperature=1.2, seed=7)
    ok([x.message.content for x in r.choices] == [x.message.content for x in again.choices], "openai: a seed repeats all of them")
    ok(len({x.message.content for x in r.choices}) > 1, "openai: which differ from each other", r)
    r = c.chat.completions.create(messages=ASK, max_tokens=24, stop=[whole[5:9]], **fixed)
    ok(r.choices[0].message.content == whole[:whole.index(whole[5:9])] and r.choices[0].finish_reason == "stop", "openai: stop", r)
    r = c.chat.completions.create(messages=ASK, max_tokens=4, logprobs=True, top_logprobs=3, **fixed)
    tokens = r.choices[0].logprobs.content
    ok(len(tokens) >= 3 and all(len(t.top_logprobs) == 3 and t.logprob <= 0 for t in tokens) and
       "".join(t.token for t in tokens).startswith(r.choices[0].message.content[:4]), "openai: logprobs", r)
    ban = {str(i): -100 for i in c.post("/../tokenize", body={"content": whole[:6]}, cast_to=object)["tokens"][:1]}
    r = c.chat.completions.create(messages=ASK, max_tokens=8, logit_bias=ban, **fixed)
    ok(r.choices[0].message.content[:6] != whole[:6], "openai: logit_bias", r)
    r = c.chat.completions.create(messages=ASK, max_tokens=120, **fixed, response_format={
        "type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}})
    answer = json.loads(r.choices[0].message.content)
    ok(set(answer) == {"capital", "people"} and isinstance(answer["people"], int), "openai: json_schema", r)
    r = c.chat.completions.create(messages=ASK, max_tokens=200, response_format={"type": "json_object"}, **fixed)
    ok(isinstance(json.loads(r.choices[0].message.content), dict), "openai: json_object", r)
    e = raises(openai.BadRequestError, lambda: c.chat.completions.create(messages=ASK, max_tokens=24, tools=[TOOL], tool_choice="auto", **fixed))
    ok(e and e.param == "tools" and "takes no tools" in e.message, "openai: tools that the model's template does not take are refused", e)
    r = c.completions.create(prompt="The capital of France is", max_tokens=6, **fixed)
    ok("Paris" in r.choices[0].text, "openai: completions", r)
    parts = list(c.completions.create(prompt="The capital of France is", max_tokens=6, stream=True, **fixed))
    ok("".join(p.choices[0].text for p in parts) == r.choices[0].text, "openai: completions streamed")
    r = c.completions.create(prompt="One two three", max_tokens=3, logprobs=2, **fixed)
    ok(len(r.choices[0].logprobs.tokens) == 3 and len(r.choices[0].logprobs.top_logprobs[0]) == 2, "openai: completions with logprobs", r)


def openai_errors(port):
    c = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0, timeout=60)
    e = raises(openai.NotFoundError, lambda: c.chat.completions.create(model="gpt-4o", messages=ASK))
    ok(e and e.param == "model" and e.code == "model_not_found" and e.request_id.startswith("req_"), "openai: an unknown model", e)
    e = raises(openai.BadRequestError, lambda: c.chat.completions.create(model="smollm2", messages=ASK, temperature=999999))
    ok(e and e.param == "temperature" and "999999" in e.message, "openai: a value out of range", e)
    e = raises(openai.BadRequestError, lambda: c.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": "long " * 20000}]))
    ok(e and e.code == "context_length_exceeded" and "200" in e.message and "8192" in e.message, "openai: a prompt too long, both counts", e)
    e = raises(openai.BadRequestError, lambda: c.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:,"}}]}]))
    ok(e and e.param == "messages", "openai: an image is refused", e)
    e = raises(openai.BadRequestError, lambda: c.completions.create(model="smollm2", prompt="a", suffix="b", max_tokens=4))
    ok(e is not None, "openai: suffix with a model without fill-in tokens", e)


def openai_cancel(s):
    c = openai.OpenAI(base_url=f"http://127.0.0.1:{s.port}/v1", api_key="none", max_retries=0, timeout=60)
    stream = c.chat.completions.create(model="smollm2", messages=ASK, max_tokens=4000, stream=True, temperature=1.5, extra_body={"min_p": 0})
    next(iter(stream))
    stream.close()
    t0 = time.monotonic()
    while time.monotonic() - t0 < 5 and not any(e["status"] == 499 for e in s.events("request")):
        time.sleep(0.02)
    ok(any(e["status"] == 499 for e in s.events("request")), f"openai: a client that leaves is noticed after {time.monotonic() - t0:.2f} s")
    t0 = time.monotonic()
    c.chat.completions.create(model="smollm2", messages=ASK, max_tokens=1)
    ok(time.monotonic() - t0 < 5, "openai: and the engine is free again")


def ollama_script(port):
    c = ollama.Client(host=f"http://127.0.0.1:{port}")
    ok([m.model for m in c.list().models] == ["smollm2"], "ollama: list", c.list())
    ok(c.show("smollm2").details.format == "gguf", "ollama: show")
    ok(c.ps().models[0].context_length == 8192, "ollama: ps", c.ps())
    options = {"temperature": 0, "num_predict": 24, "seed": 1}
    r = c.chat("smollm2", ASK, options=options)
    ok(r.message.content and r.done and r.eval_count <= 24 and r.done_reason in ("stop", "length"), "ollama: chat", r)
    parts = list(c.chat("smollm2", ASK, options=options, stream=True))
    ok("".join(p.message.content for p in parts) == r.message.content and parts[-1].done, "ollama: a stream says the same")
    g = c.generate("smollm2", "What is the capital of France?", options=options)
    ok(g.response == r.message.content, "ollama: generate", g)
    g = c.generate("smollm2", "The capital of France is", raw=True, options=dict(options, num_predict=4))
    ok("Paris" in g.response, "ollama: generate raw", g)
    g = c.chat("smollm2", ASK, format=SCHEMA, options=dict(options, num_predict=120))
    ok(set(json.loads(g.message.content)) == {"capital", "people"}, "ollama: a schema", g)
    e = raises(ollama.ResponseError, lambda: c.chat("smollm2", ASK, tools=[TOOL], options=options))
    ok(e and e.status_code == 400 and "takes no tools" in e.error, "ollama: tools that the model's template does not take are refused", e)
    e = raises(ollama.ResponseError, lambda: c.chat("llama3", ASK))
    ok(e and e.status_code == 404 and "llama3" in e.error, "ollama: an unknown model", e)
    e = raises(ollama.ResponseError, lambda: c.chat("smollm2", ASK, options={"temperature": -5}))
    ok(e and e.status_code == 400 and "temperature" in e.error, "ollama: a value out of range", e)
    ok(c.generate("smollm2").done_reason == "load", "ollama: nothing to say loads the model")


def embedding_errors(port):
    c = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0, timeout=60)
    try:
        r = c.embeddings.create(model="smollm2", input=["a cat", "a dog", "a loan"])
    except openai.BadRequestError as e:
        ok("vectors" in str(e), "openai: embeddings of a model that has none are refused", e)
        return
    ok(len(r.data) == 3 and abs(sum(x * x for x in r.data[0].embedding) - 1) < 1e-3, "openai: embeddings", r.usage)


with Server() as s:
    openai_script(s.port)
    openai_errors(s.port)
    openai_cancel(s)
    ollama_script(s.port)
    embedding_errors(s.port)
    ok(all("capital" not in line for line in s.log().splitlines()), "the log has no word of what was asked")
done()
