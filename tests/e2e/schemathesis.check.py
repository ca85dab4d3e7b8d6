#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""schemathesis over the operations that are served: no server error, content types and replies as OpenAI's description has
them. It is a copy of the description with the answers 4XX added, without the operations that are not served."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

OPENAI = os.path.join(SHARED, "conformance", "openapi", "openai-subset.json")
SERVED = ("/chat/completions", "/completions", "/embeddings", "/models", "/models/{model}", "/responses")
folder = clients("clients-check.txt")
if not os.path.exists(SMOLLM2) or not os.path.exists(OPENAI) or not folder:
    skip("schemathesis", "SmolLM2, the API description in $MOAT_SHARED and scripts/fetch-clients --all are needed")
    done()

api = json.load(open(OPENAI))
api["paths"] = {p: v for p, v in api["paths"].items() if p in SERVED}
api["security"] = []
for operations in api["paths"].values():
    for o in operations.values():
        o.pop("security", None)
        o["responses"].pop("429", None)
        o["responses"]["4XX"] = {"description": "refused", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}}
# Most requests are to get as far as the engine: they name the model there is, and have no images and the like.
schemas = api["components"]["schemas"]
model = {"type": "string", "enum": ["smollm2"]}
schemas["ModelIdsShared"] = schemas["ModelIdsResponses"] = model
schemas["InputItem"] = {"$ref": "#/components/schemas/EasyInputMessage"}
schemas["InputContent"] = {"$ref": "#/components/schemas/InputTextContent"}
schemas["ResponseProperties"]["properties"].pop("tools")  # the model's template takes none
schemas["ResponseProperties"]["properties"].pop("tool_choice")
for name in ("CreateCompletionRequest", "CreateEmbeddingRequest"):
    schemas[name]["properties"]["model"] = model
schemas["ChatCompletionRequestMessage"] = {"oneOf": [{"$ref": f"#/components/schemas/ChatCompletionRequest{r}Message"} for r in ("System", "User")]}
schemas["ChatCompletionRequestUserMessageContentPart"] = {"$ref": "#/components/schemas/ChatCompletionRequestMessageContentPartText"}

with tempfile.TemporaryDirectory() as d, Server(SMOLLM2, "--context", 256, "--max-tokens", 4, "--queue", 64) as s:
    description = os.path.join(d, "openapi.json")
    json.dump(api, open(description, "w"))
    env = dict(os.environ, PYTHONPATH=folder)
    p = subprocess.run([sys.executable, "-m", "schemathesis.cli", "run", description, "--url", f"http://127.0.0.1:{s.port}/v1",
                        "--checks", "not_a_server_error,content_type_conformance,response_schema_conformance", "--phases", "examples,fuzzing",
                        "--max-examples", os.environ.get("MOAT_EXAMPLES", "60"), "--request-timeout", "60", "--seed", "1", "--no-color"],
                       env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=d)
    tail = "\n".join(p.stdout.splitlines()[-60:])
    ok(p.returncode == 0, "schemathesis finds nothing in the operations served", tail)
    note("\n".join(line for line in p.stdout.splitlines() if "generated" in line or "passed" in line or "Test cases" in line))
    ok(s.process.poll() is None and s.get("/health").status == 200, "the server stands")
done()
