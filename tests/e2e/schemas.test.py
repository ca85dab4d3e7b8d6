#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every reply and every streamed event of moat serve against the schemas of OpenAI's and Ollama's API descriptions."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
from json_schema import valid  # noqa: E402
from openapi import plain  # noqa: E402

OPENAI = os.path.join(SHARED, "conformance", "openapi", "openai-subset.json")
OLLAMA = os.path.join(SHARED, "conformance", "ollama", "openapi.yaml")
folder = clients()
if not os.path.exists(SMOLLM2) or not os.path.exists(OPENAI) or not folder:
    skip("schemas", "SmolLM2, the API descriptions in $MOAT_SHARED and scripts/fetch-clients are needed")
    done()
sys.path.insert(0, folder)
import yaml  # noqa: E402

openai = plain(json.load(open(OPENAI)))
ollama = plain(yaml.safe_load(open(OLLAMA)))


def closed(schema, value, root):
    """Are all members of the value named by the schema? Returns those that are not."""
    if "$ref" in schema:
        node = root
        for part in schema["$ref"][2:].split("/"):
            node = node[part]
        return closed(node, value, root)
    named = schema.get("properties", {})
    return [k for k in value if k not in named] if named and isinstance(value, dict) else []


def follows(root, name, value, what, extra=()):
    schema = {"$ref": f"#/components/schemas/{name}"}
    good = valid(schema, value, root)
    strange = [k for k in closed(schema, value, root) if k not in extra]
    return ok(good and not strange, f"{what} is a {name}", f"{strange} {json.dumps(value)[:600]}")


def all_follow(root, name, values, what):
    bad = [v for v in values if not valid({"$ref": f"#/components/schemas/{name}"}, v, root)]
    ok(values and not bad, f"{len(values)} parts of {what} are each a {name}", json.dumps(bad[:2])[:600])


ASK = {"model": "smollm2", "messages": [{"role": "user", "content": "Say hello to Bob."}], "max_tokens": 8, "temperature": 0}
TEXT = {"model": "smollm2", "prompt": "One two", "max_tokens": 4, "temperature": 0}
OPTIONS = {"num_predict": 8, "temperature": 0}
bad = plain({"a": 1})  # the validator itself must refuse
ok(not valid({"$ref": "#/components/schemas/Model"}, bad, openai), "the validator refuses what it must")

with Server() as s:
    follows(openai, "ListModelsResponse", s.get("/v1/models").json(), "GET /v1/models")
    follows(openai, "Model", s.get("/v1/models/smollm2").json(), "GET /v1/models/smollm2", extra=("loaded", "size", "digest"))
    chat = "/v1/chat/completions"
    follows(openai, "CreateChatCompletionResponse", s.post(chat, ASK).json(), "chat")
    follows(openai, "CreateChatCompletionResponse", s.post(chat, dict(ASK, n=2, logprobs=True, top_logprobs=2)).json(), "chat with logprobs")
    for more in ({}, {"stream_options": {"include_usage": True}}, {"logprobs": True, "top_logprobs": 1, "n": 2}):
        events = s.post(chat, dict(ASK, stream=True, **more)).events()
        ok(events[-1] == "[DONE]", "the stream of a chat ends with [DONE]", events[-1])
        all_follow(openai, "CreateChatCompletionStreamResponse", events[:-1], f"a streamed chat {list(more)}")
    follows(openai, "CreateCompletionResponse", s.post("/v1/completions", TEXT).json(), "a completion")
    follows(openai, "CreateCompletionResponse", s.post("/v1/completions", dict(TEXT, logprobs=2, n=2)).json(), "a completion with logprobs")
    events = s.post("/v1/completions", dict(TEXT, stream=True)).events()
    ok(len(events) >= 2 and events[-1] == "[DONE]" and all(e["object"] == "text_completion" for e in events[:-1]), "a streamed completion")
    r = s.post("/v1/embeddings", {"model": "smollm2", "input": ["a", "b"]})
    follows(openai, "CreateEmbeddingResponse" if r.status == 200 else "ErrorResponse", r.json(), "embeddings")
    for path, body in ((chat, {"model": "no", "messages": []}), (chat, {"model": "smollm2"}), (chat, b"{"), ("/v1/nothing", {}),
                       ("/v1/completions", dict(TEXT, temperature="hot")), ("/v1/embeddings", {"model": "smollm2"})):
        e = s.post(path, body)
        follows(openai, "ErrorResponse", e.json(), f"{e.status} at {path}")
        follows(openai, "Error", e.json()["error"], f"{e.status} at {path}: its error", extra=("request_id",))

    e = s.get("/v1/models/%00")
    follows(openai, "Error", e.json()["error"], f"{e.status} at a path that is none", extra=("request_id",))

    follows(ollama, "ChatResponse", s.post("/api/chat", {"model": "smollm2", "messages": ASK["messages"], "stream": False, "options": OPTIONS}).json(), "a chat")
    lines = s.post("/api/chat", {"model": "smollm2", "messages": ASK["messages"], "options": OPTIONS}).lines()
    all_follow(ollama, "ChatStreamEvent", lines, "a streamed chat")
    ok([x["done"] for x in lines] == [False] * (len(lines) - 1) + [True], "only the last of them is done")
    follows(ollama, "GenerateResponse", s.post("/api/generate", {"model": "smollm2", "prompt": "Hi", "stream": False, "options": OPTIONS,
                                                                "logprobs": True, "top_logprobs": 2}).json(), "generate")
    all_follow(ollama, "GenerateStreamEvent", s.post("/api/generate", {"model": "smollm2", "prompt": "Hi", "options": OPTIONS}).lines(), "a streamed generate")
    follows(ollama, "ListResponse", s.get("/api/tags").json(), "tags")
    follows(ollama, "ModelSummary", s.get("/api/tags").json()["models"][0], "a model", extra=("loaded",))
    follows(ollama, "PsResponse", s.get("/api/ps").json(), "ps")
    follows(ollama, "Ps", s.get("/api/ps").json()["models"][0], "a running model", extra=("modified_at",))
    follows(ollama, "ShowResponse", s.post("/api/show", {"model": "smollm2"}).json(), "show", extra=("modelfile",))
    follows(ollama, "VersionResponse", s.get("/api/version").json(), "version")
    for path, body in (("/api/chat", {"model": "no", "messages": []}), ("/api/generate", {}), ("/api/embed", {"model": "smollm2"}), ("/api/nothing", {})):
        e = s.post(path, body)
        follows(ollama, "ErrorResponse", e.json(), f"{e.status} at {path}", extra=("request_id",))
done()
