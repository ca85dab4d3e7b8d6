#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GET /metrics as Prometheus reads it (its own parser), against what clients counted: tokens, times, statuses, memory, and that whoever
asks cannot make it grow without bound. /ready and /health beside it."""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

READER = clients("clients-metrics.txt")
if not READER:
    skip("metrics", "no prometheus_client: scripts/fetch-clients brings it")
    done()
sys.path.insert(0, READER)
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

if not os.path.exists(SMOLLM2):
    skip("metrics", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
ASK = {"messages": [{"role": "user", "content": "Count to one thousand."}], "temperature": 0, "logit_bias": {"2": -100}}


def read(s):
    """{family: [(sample name, labels, value)]}, and the types."""
    text = s.get("/metrics").body.decode()
    found = {f.name: f for f in text_string_to_metric_families(text)}
    return {n: [(x.name, x.labels, x.value) for x in f.samples] for n, f in found.items()}, {n: f.type for n, f in found.items()}, text


def total(families, sample, **labels):
    return sum(v for f in families.values() for n, own, v in f if n == sample and all(own.get(k) == x for k, x in labels.items()))


def chat(s, length, model="smollm2", **more):
    return s.post("/v1/chat/completions", dict(ASK, model=model, max_tokens=length, **more))


def wait(what, limit=10.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


with Server(SMOLLM2, "--context", 1024, "--parallel", 2, "--queue", 1) as s:
    fresh, kinds, text = read(s)
    ok(all(line.startswith("moat_") for line in text.splitlines() if not line.startswith("#")), "every name is ours")
    ok(all(f"# TYPE {n}" in text or f"# TYPE {n}_total" in text for n in fresh), "every family has its kind")
    ok(kinds["moat_time_to_first_token_seconds"] == "histogram" and kinds["moat_kv_blocks_used"] == "gauge"
       and kinds["moat_tokens_generated"] == "counter", "of the right one", kinds)
    plain, streamed = chat(s, 20).json()["usage"], chat(s, 30, stream=True, stream_options={"include_usage": True}).events()[-2]["usage"]
    other = chat(s, 10, n=2, seed=1, temperature=1).json()["usage"]
    usages = [plain, streamed, other]
    m, _, text = read(s)
    model = {"model": "smollm2", "key": "none"}
    ok(total(m, "moat_prompt_tokens_total", **model) == sum(u["prompt_tokens"] for u in usages), "tokens of prompts are those the clients were told", text)
    ok(total(m, "moat_prompt_tokens_cached_total", **model) == sum(u["prompt_tokens_details"]["cached_tokens"] for u in usages) > 0, "and the cached ones", text)
    ok(total(m, "moat_tokens_generated_total", **model) == sum(u["completion_tokens"] for u in usages) == 70, "tokens of answers too", text)
    for name, n in (("queue", 4), ("time_to_first_token", 4), ("request", 3)):
        got = total(m, f"moat_{name}_seconds_count", **model)
        ok(got == n, f"{name}: {n} measurements", got)
    ok(60 <= total(m, "moat_inter_token_seconds_count", **model) <= 70, "between tokens: one less for each answer", text)
    took = total(m, "moat_request_seconds_sum", **model)
    first, between = total(m, "moat_time_to_first_token_seconds_sum", **model), total(m, "moat_inter_token_seconds_sum", **model)
    ok(0 < first and 0 < between and first + between < 2 * took + 1, f"the sums agree: {first:.3f} + {between:.3f} of {took:.3f} s")
    for f in (f for f in m if f.endswith("_seconds") and f + "_bucket" in {x[0] for x in m[f]}):
        counts = [v for n, own, v in m[f] if n == f + "_bucket" and own["model"] == "smollm2"]
        ok(counts == sorted(counts) and counts[-1] == total(m, f + "_count", **model), f"{f}: buckets rise to the count", counts)
    ok(total(m, "moat_requests_total", route="/v1/chat/completions", status="200", method="POST") == 3, "requests by route and status", text)
    s.get("/nowhere"), chat(s, 3, model="nobody"), s.post("/tokenize", {"content": 7})
    m, _, text = read(s)
    ok([total(m, "moat_requests_total", status=c) for c in ("404", "400")] == [2, 1], "the failed ones as well", text)
    ok({x[1]["dialect"]: x[2] for x in m["moat_unknown_fields"]} == {"openai": 0, "anthropic": 0, "llama": 0, "ollama": 0}, "fields that are not known: none so far", text)
    chat(s, 1, colour="red", shape={"a": 1}), s.post("/tokenize", {"content": "a", "colour": 1})
    s.post("/api/chat", {"model": "smollm2", "messages": [{"role": "user", "content": "Hi", "colour": 1}], "stream": False, "options": {"num_predict": 1}})
    s.post("/v1/messages", {"model": "smollm2", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}], "colour": 1})
    m, _, text = read(s)
    ok({x[1]["dialect"]: x[2] for x in m["moat_unknown_fields"]} == {"openai": 2, "anthropic": 1, "llama": 1, "ollama": 1} and "colour" not in text,
       "those of each dialect are counted, and not named", text)
    memory = {x[1]["kind"]: x[2] for x in m["moat_memory_bytes"]}
    ok({"weights", "kv", "scratch", "front"} <= set(memory) and memory["weights"] > 50 << 20 and memory["front"] > 1 << 20, "memory by kind", memory)
    held = s.get("/ready").json()["models"][0]["memory_bytes"]
    ok(sum(v for k, v in memory.items() if k != "front") == held, "its sum is what the model holds", (memory, held))

    streams = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(3)]
    body = json.dumps(dict(ASK, model="smollm2", max_tokens=800, stream=True)).encode()
    for c in streams:
        c.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    ok(wait(lambda: total(read(s)[0], "moat_jobs_running") == 2 and total(read(s)[0], "moat_jobs_waiting") == 1), "two are at work, one waits", read(s)[2])
    m = read(s)[0]
    ok(0 < total(m, "moat_kv_blocks_used") <= total(m, "moat_kv_blocks"), "blocks of keys and values are in use")
    r = chat(s, 3)
    m, _, text = read(s)
    ok(r.status == 429 and total(m, "moat_requests_rejected_total", reason="overloaded") == 1, "who is refused is counted with the reason", text)
    before = total(m, "moat_tokens_generated_total")
    ok(wait(lambda: total(read(s)[0], "moat_tokens_generated_total") > before), "tokens count as they come")
    for c in streams:
        c.close()
    ok(wait(lambda: total(read(s)[0], "moat_requests_total", status="499") == 3 and total(read(s)[0], "moat_jobs_live") == 0), "clients that left are 499")
    ok(wait(lambda: total(read(s)[0], "moat_jobs_running") == 0), "and nothing works for them")
    ok(s.get("/health").json() == {"status": "ok"} and s.get("/ready").status == 200, "/health and /ready")

with tempfile.TemporaryDirectory() as home:
    ids = []
    env = dict(os.environ, MOAT_HOME=home)
    keys = []
    for i in range(70):
        r = subprocess.run([MOAT, "key", "add", f"user{i}", "--json", "--scope", "inference", "--scope", "metrics"],
                           capture_output=True, text=True, env=env)
        keys.append(json.loads(r.stdout))
    with Server(SMOLLM2, "--context", 512, "--require-key", "true", env={"MOAT_HOME": home}, key=keys[0]["key"]) as s:
        for k in keys:
            s.key = k["key"]
            s.post("/tokenize", {"content": "a", "model": "smollm2"})
        m, _, text = read(s)
        seen = {x[1]["key"] for x in m["moat_request_seconds"]}
        ok(len(seen - {"other"}) <= 64 and "other" in seen, f"{len(seen)} labels for 70 keys: the last ones are \"other\"", sorted(seen))
        ok(total(m, "moat_request_seconds_count") == 70, "and none is lost", text[:500])
        ok(not any(k["key"] in text for k in keys) and keys[0]["id"] in seen, "a key is named by its id, never itself")
        s.key = None
        ready = s.get("/ready")
        ok(ready.status == 200 and ready.json() == {"status": "ok"}, "without a key /ready says no more than /health", ready.body)
        ok(s.get("/metrics").status == 401, "and /metrics nothing")

with tempfile.TemporaryDirectory() as folder:
    odd = os.path.join(folder, 'a"b\\c.gguf')
    os.symlink(SMOLLM2, odd)
    with Server([odd, SMOLLM2], "--context", 512) as s:
        m = read(s)[0]
        ok({x[1]["model"]: x[2] for x in m["moat_model_loaded"]} == {'a"b\\c': 0, "smollm2": 0}, "names of all kinds are read back", m["moat_model_loaded"])
        chat(s, 2)
        m = read(s)[0]
        ok({x[1]["model"]: x[2] for x in m["moat_model_loads"]} == {'a"b\\c': 0, "smollm2": 1}, "loads are counted", m["moat_model_loads"])
done()
