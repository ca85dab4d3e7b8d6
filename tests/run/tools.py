# SPDX-License-Identifier: Apache-2.0
"""Calls of tools from a model of random weights, whose answers are bound: what the quick and the long test share.

The fixture gets a template with the markers of a syntax and a vocabulary in which those markers are special tokens, as in the
real models; in two syntaxes they are plain text. Random weights choose wildly among what is allowed, which is to be tested."""
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import gguf_mini, json_schema, tap
from constrained import with_vocabulary

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {
              "type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}, "days": {"type": "integer", "minimum": 1, "maximum": 14}},
              "required": ["city"], "additionalProperties": False}}},
         {"type": "function", "function": {"name": "add", "strict": True, "parameters": {
              "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3}},
              "required": ["a", "b"], "additionalProperties": False}}}]
# syntax: what its template holds, which of its markers are special tokens
SYNTAXES = {
    "hermes": ("<tool_call>", []),
    "qwen3-coder": ("<function= <parameter=", []),
    "glm": ("<arg_key>", ["<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "<think>", "</think>"]),
    "minimax-m2": ("<minimax:tool_call>", ["<minimax:tool_call>", "</minimax:tool_call>"]),
    "mistral-args": ("[TOOL_CALLS][ARGS]", ["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]"]),
    "mistral": ("[TOOL_CALLS]", ["[TOOL_CALLS]"]),
    "harmony": ("<|channel|><|message|>", ["<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>", "<|call|>"]),
    "kimi-k2": ("<|tool_call_argument_begin|>", ["<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>",
                                                 "<|tool_call_argument_begin|>", "<|tool_call_end|>"]),
    "command-r7b": ("<|START_ACTION|>", ["<|START_ACTION|>", "<|END_ACTION|>", "<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>",
                                         "<|END_RESPONSE|>"]),
    "llama3": ('<|start_header_id|> "parameters"', ["<|python_tag|>"]),
    "lfm2": ("<|tool_call_start|>", ["<|tool_call_start|>", "<|tool_call_end|>"]),
    "gemma4": ("<|tool_call><tool_call|>", ["<|tool_call>", "<tool_call|>", '<|"|>', "<|channel>", "<channel|>"]),
    "atem": ("<atem:invoke", ["<|start|>", "<|message|>", "<|eom|>", "<|eot|>"]),
    "functionary-v3.1": ("<function=", ["<|python_tag|>"]),
}


def model(syntax, folder):
    source, special = SYNTAXES[syntax]
    f = with_vocabulary(os.path.join(tap.DATA, "arch", "llama.gguf"), special)
    f.set("tokenizer.chat_template", gguf_mini.STR, "{#" + source + "#}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
          "{% if tools %}{{ tools | length }} tools\n{% endif %}assistant:")
    return f.write(os.path.join(folder, syntax + ".gguf"))


def tools_file(folder):
    path = os.path.join(folder, "tools.json")
    with open(path, "w") as f:
        json.dump(TOOLS, f)
    return path


def answer(path, tools, seed, choice, tokens=160, *more):
    return tap.moat("run", path, "hi", "--tools", tools, "--tool-choice", choice, "--seed", seed, "--max-tokens", tokens, "--temperature", 1.5,
                    "--top-k", 0, "--top-p", 1, "--min-p", 0, "--threads", 1, "--json", *more)


def judge(r, choice):
    """What is wrong with an answer that had to make calls, or None; and the number of calls."""
    if r.status:
        return str(r), 0
    try:
        calls = json.loads(r.out)["tool_calls"]
        for c in calls:
            f = next(t["function"] for t in TOOLS if t["function"]["name"] == c["function"]["name"])
            args = json.loads(c["function"]["arguments"])
            if not json_schema.valid(f["parameters"], args) or choice not in ("required", "auto", f["name"]):
                return f"not valid: {r.out!r}", 0
    except (ValueError, KeyError, StopIteration) as why:
        return f"{why!r}: {r.out!r}", 0
    return (None if calls or choice == "auto" else f"no call: {r.out!r}"), len(calls)
