# SPDX-License-Identifier: Apache-2.0
"""A valid request for each route of moat serve that takes one, with as many of its fields as go together."""

MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "2"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}]
SAMPLERS = {"temperature": 0.5, "top_p": 0.9, "top_k": 20, "min_p": 0.1, "seed": 3, "repeat_penalty": 1.1, "presence_penalty": 0.5,
            "frequency_penalty": 0.5, "logit_bias": {"5": -1}, "stop": ["x", "y"], "dry_multiplier": 0.5, "mirostat": 2, "samplers": ["top_k"]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
SEEDS = {
    "/v1/chat/completions": {"model": "smollm2", "messages": MESSAGES, "max_tokens": 1, "n": 1, "stream": False, "logprobs": True, "top_logprobs": 2,
                             "tools": TOOLS, "tool_choice": "auto", "stream_options": None, "response_format": {"type": "json_schema", "json_schema": {
                                 "name": "a", "schema": SCHEMA}}, **SAMPLERS},
    "/v1/completions": {"model": "smollm2", "prompt": ["a", "b"], "max_tokens": 1, "n": 1, "echo": False, "logprobs": 1, "suffix": None, "stream": True, **SAMPLERS},
    "/v1/messages": {"model": "smollm2", "max_tokens": 2, "system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": [
        {"type": "text", "text": "a"}, {"type": "tool_result", "tool_use_id": "t", "content": "r"}]}], "stop_sequences": ["x"], "tool_choice": {"type": "none"}},
    "/v1/messages/count_tokens": {"model": "smollm2", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [
        {"type": "tool_use", "id": "t", "name": "n", "input": {}}]}]},
    "/v1/responses": {"model": "smollm2", "instructions": "s", "max_output_tokens": 2, "stream": False, "store": True, "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "a"}]}, {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}]},
        {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c", "output": "r"}],
        "tools": [{"type": "function", "name": "n", "parameters": {}}], "tool_choice": "none", "reasoning": {"effort": "low"}, "metadata": {"a": "b"},
        "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}, "include": ["message.output_text.logprobs"], "top_logprobs": 1},
    "/v1/responses/input_tokens": {"model": "smollm2", "input": "a"},
    "/v1/rerank": {"model": "smollm2", "query": "a", "documents": ["a", {"text": "b"}], "top_n": 1, "return_documents": True, "raw_scores": False},
    "/v1/embeddings": {"model": "smollm2", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 4},
    "/completion": {"prompt": "Hi", "n_predict": 1, "stream": False, "n_probs": 2, "json_schema": SCHEMA, "grammar": "", **SAMPLERS},
    "/infill": {"input_prefix": "a", "input_suffix": "b", "prompt": "c", "n_predict": 1, "input_extra": [{"filename": "f", "text": "t"}]},
    "/tokenize": {"content": "Hello", "add_special": True, "parse_special": True}, "/detokenize": {"tokens": [1, 2, 3]},
    "/apply-template": {"messages": MESSAGES}, "/embedding": {"content": ["a"]},
    "/api/chat": {"model": "smollm2", "messages": MESSAGES[:2], "stream": False, "tools": TOOLS, "format": SCHEMA, "options": dict(SAMPLERS, num_predict=1)},
    "/api/generate": {"model": "smollm2", "prompt": "Hi", "system": "s", "raw": False, "stream": True, "options": dict(SAMPLERS, num_predict=1)},
    "/api/embed": {"model": "smollm2", "input": "a", "truncate": True}, "/api/embeddings": {"model": "smollm2", "prompt": "a"}, "/api/show": {"model": "smollm2"},
}
