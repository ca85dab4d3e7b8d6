#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat serve with an audit log: begin before the first token, end before the last; no record, no answer."""
import hashlib, http.client, json, os, re, signal, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from serving import Server, SMOLLM2
from tap import done, moat, note, ok, skip

if not os.path.exists(SMOLLM2):
    skip("moat serve keeps an audit log", "the test models are not there (scripts/fetch-model --tests)")
    done()
top = tempfile.TemporaryDirectory()
KEY = os.path.join(top.name, "auditor.key")
RECIPIENT = moat("audit", "keygen", KEY).out.strip()
FOX = "Zebrafish canary 4711: the capital of France is"


def log_in(name, *options):
    env = {"MOAT_HOME": os.path.join(top.name, name)}
    r = moat("audit", "init", "--auditor", RECIPIENT, "--reserve", "1M", *options, env=env)
    if r.status:
        note(r)
    return env


def records(env):
    r = moat("audit", "list", "--identity", KEY, "--json", env=env)
    if r.status:
        note(r)
    return [json.loads(line) for line in r.out.splitlines()]


def requests_of(env, phase=None):
    return [x for x in records(env) if x["act"] == "request" and phase in (None, x["phase"])]


def verified(env):
    r = moat("audit", "verify", "--json", env=env)
    return r.status == 0 and json.loads(r.out)


def auditor(s):
    pids = [int(e["detail"].split()[-1]) for e in s.events("auditor")]
    return pids[-1] if pids else None


def until(what, limit=10):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.03)
    return False


# --- requests are on record
env = log_in("plain")
body = {"prompt": FOX, "max_tokens": 6, "temperature": 0}
with Server(env=env) as s:
    plain = s.post("/v1/completions", body)
    before = len(records(env))
    stream = s.post("/v1/completions", dict(body, stream=True))
    wrong = s.post("/v1/completions", dict(body, max_tokens=-5))
    lost = http.client.HTTPConnection("127.0.0.1", s.port)
    lost.request("POST", "/v1/completions", json.dumps(dict(body, max_tokens=1500, stream=True, ignore_eos=True)), {"Content-Type": "application/json"})
    answer = lost.getresponse()
    answer.read(40)
    answer.close()
    lost.close()
    ok(until(lambda: len(requests_of(env, "end")) == 3), "a client that leaves has its end too", requests_of(env))
    until(lambda: s.events("attest"), 30)
    time.sleep(.3)
    status = s.stop()
    ok(status == 0, "the server ends well", s.log())
    ok(FOX not in s.log() and "Zebrafish" not in s.log(), "its text log has no word of the prompts")
seen = requests_of(env)
begin, end = ([x for x in seen if x["id"] == plain.headers["x-request-id"] and x["phase"] == p] for p in ("begin", "end"))
ok(len(begin) == len(end) == 1 and begin[0]["record"] < end[0]["record"], "each request has a beginning and an end", seen)
canonical = json.dumps(body, separators=(",", ":"))
ok(begin and begin[0]["request_sha256"] == hashlib.sha256(canonical.encode()).hexdigest() and begin[0]["who"]["from"].startswith("127.0.0.1")
   and begin[0]["what"] == "/v1/completions" and begin[0]["model"] == "smollm2", "the beginning says who asked what of which model", begin)
text = plain.json()["choices"][0]["text"]
ok(end and end[0]["answers"] == [{"sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text.encode()), "finish": "length"}]
   and end[0]["answer_tokens"] == 6 and end[0]["outcome"] == "ok", "the end has the hash of the answer", end)
ok(stream.events()[-1] == "[DONE]" and before >= 7, "a stream too", before)  # of its command: open, begin, close; open, load, begin, end
ok(wrong.status == 400 and wrong.headers["x-request-id"] not in [x["id"] for x in seen], "a request that asks for nothing is none")
ok([x["outcome"] for x in seen if x["phase"] == "end"] == ["ok", "ok", "cancelled"], "outcomes are told apart", [(x["phase"], x.get("outcome")) for x in seen])
disk = b"".join(open(os.path.join(env["MOAT_HOME"], "audit", n), "rb").read() for n in os.listdir(os.path.join(env["MOAT_HOME"], "audit")))
ok(b"canary" not in disk and b"smollm2" not in disk, "nothing of it is on the disk in clear")
j = verified(env)
ok(j and j["unclosed"] == 0, "the log verifies, and its writers closed it", j)
server = [x["what"] for x in records(env) if x["act"] == "server"]
ok(server[0] == "load" and server[-1] == "end", "the load of a model and the end of the server are on record", server)
ok("attest" in server, "and that its sandboxes were tried", server)
command = [(x["phase"], x["what"], x.get("status")) for x in records(env) if x["act"] == "command"]
ok(command == [("begin", "serve", None), ("end", "serve", 0)], "and its command, before and after", command)
broken = os.path.join(top.name, "broken.gguf")
open(broken, "wb").write(open(SMOLLM2, "rb").read(100000))
r = moat("serve", "--model", broken, "--listen", "127.0.0.1:0", env=env, limit=30)
ends = [x for x in records(env) if x["act"] == "command" and x["phase"] == "end"]
ok(r.status == 4 and ends[-1]["outcome"] == "corrupt", "a start that fails is on record, and why", f"{r} {ends[-1]}")

# --- content: full, and none
env = log_in("full", "--content", "full")
with Server(env=env) as s:
    got = s.post("/v1/chat/completions", {"messages": [{"role": "user", "content": FOX}], "max_tokens": 5, "temperature": 0})
parts = [x for x in records(env) if x["act"] == "content"]
ok(FOX in "".join(x["text"] for x in parts if x["of"] == "request")
   and "".join(x["text"] for x in parts if x["of"] == "answer") == got.json()["choices"][0]["message"]["content"], "with content full all of it is there", parts)
env = log_in("none", "--content", "none")
with Server(env=env) as s:
    s.post("/v1/completions", body)
ok("sha256" not in json.dumps(requests_of(env)) and len(requests_of(env)) == 2, "with none not even hashes", requests_of(env))

# --- clients without a key, and an operator
env = log_in("keys")
operator = moat("key", "add", "root", "--operator", env=env).out.strip()
with Server(env=env, listen=("127.0.0.1:0",), wait=False) as s:
    s.wait_ready()
    s.key = operator
    moved = s.ask("DELETE", "/api/delete", {"model": "nothing:here"})
    s.key = None
    for _ in range(300):
        s.ask("DELETE", "/api/delete", {"model": "nothing"})
acts = records(env)
acts_of = [(x["phase"], x.get("what"), x.get("model"), x.get("status")) for x in acts if x["act"] == "operator"]
ok(acts_of == [("begin", "/api/delete", "nothing:here", None), ("end", None, None, 404)], "an operator's act is on record", f"{acts_of} {moved.status}")
ok([x["who"]["key"] for x in acts if x["act"] == "operator" and x["phase"] == "begin"] == [operator.split("_")[1]], "with the id of his key")
refused = [x for x in acts if x["act"] == "refused"]
ok(len(refused) <= 2 and sum(x["n"] for x in refused) == 300, "300 refusals are a record or two", refused)

# --- the auditor falls
env = log_in("falls")
with Server(env=env) as s:
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=60)
    c.request("POST", "/v1/completions", json.dumps({"prompt": "Count", "max_tokens": 1500, "stream": True, "ignore_eos": True}), {"Content-Type": "application/json"})
    r = c.getresponse()
    first = r.read(200)
    os.kill(auditor(s), signal.SIGKILL)
    rest = first + r.read()
    ok(b"[DONE]" not in rest and b"audit" in rest, "an answer under way ends with an error when its auditor dies", rest[-400:])
    ok(until(lambda: s.get("/health").status == 200), "another auditor takes over", s.log())
    ok(s.post("/v1/completions", body).status == 200, "and answers go on")
    front = [p for p in s.children() if p not in (auditor(s), s.engine())]
    before = auditor(s)
    os.kill(front[0], signal.SIGKILL)
    ok(until(lambda: len(s.events("front-fell")) == 1) and until(lambda: s.get("/health").status == 200), "the front falls and comes again", s.log())
    ok(s.post("/v1/completions", body).status == 200 and auditor(s) == before, "its auditor lived on", s.log())
ends = requests_of(env, "end")
ok([x["outcome"] for x in ends] == ["audit_failed", "ok", "ok"], "what ended meanwhile is recorded afterwards", ends)
ok(any(x["act"] == "server" and x["what"] == "front" and x.get("outcome") == "fell" for x in records(env)), "the fall is on record")
j = verified(env)
ok(j and j["unclosed"] == 1, "the log is whole, with one session that was not closed", j)

# --- a full disk: a small file system, where one can be mounted
small = os.path.join(top.name, "small")
os.makedirs(small)
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], capture_output=True).returncode == 0:
    try:
        env = {"MOAT_HOME": os.path.join(small, "home")}
        moat("audit", "init", "--auditor", RECIPIENT, "--reserve", "128K", env=env)
        with Server(env=env) as s:
            ok(s.post("/v1/completions", body).status == 200, "on a small disk there is an answer")
            filler = open(os.path.join(small, "filler"), "wb", buffering=0)
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass
            full = s.post("/v1/completions", body)
            ok(full.status == 503 and "full" in full.json()["error"]["message"], "on a full one there is 503, and why", full.body)
            filler.close()
            os.unlink(os.path.join(small, "filler"))
            ok(s.post("/v1/completions", body).status == 200, "and when there is room again, an answer")
        ok(verified(env) and len(requests_of(env, "end")) == 2, "the log is whole", requests_of(env))
    finally:
        subprocess.run(["umount", small])
else:
    skip("a full disk", "no file system can be mounted here")

# --- the text log of a server: nothing in it acts on a terminal
hostile = os.path.join(top.name, "fox\u202e\u2066\x1b[31m\u009b.gguf")
os.symlink(SMOLLM2, hostile)
with Server(hostile, env=log_in("terminal")) as s:
    s.post("/v1/completions", dict(body, model="\x1b]0;title\x07\u202e"))
    raw = s.log()
ok("fox" in raw and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", raw),
   "control characters and bidi marks are escaped in the text log", raw)

# --- what must be there
r = moat("serve", "--model", SMOLLM2, "--listen", "127.0.0.1:0", "--require-audit", "true", env={"MOAT_HOME": os.path.join(top.name, "empty")}, limit=20)
ok(r.status == 8 and "moat audit init" in r.err, "with require_audit there is no server without a log", r)
path = os.path.join(top.name, "falls", "audit", "00000001.log")
data = bytearray(open(path, "rb").read())
data[len(data) // 2] ^= 1
open(path, "wb").write(data)
r = moat("serve", "--model", SMOLLM2, "--listen", "127.0.0.1:0", env={"MOAT_HOME": os.path.join(top.name, "falls")}, limit=20)
ok(r.status == 4 and "damaged" in r.err, "nor one over a log that was changed", r)
top.cleanup()
done()
