#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other machines as witnesses of an audit log: any HTTP endpoint, a moat mirror, syslog; away and back again, and a log that was put back."""
import http.server, json, os, shutil, socket, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from serving import Mirror, Server, SMOLLM2
from tap import done, moat, note, ok, skip

top = tempfile.TemporaryDirectory()
KEY = os.path.join(top.name, "auditor.key")
RECIPIENT = moat("audit", "keygen", KEY).out.strip()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def log_in(name, *options, seconds=None, **witness):
    env = {"MOAT_HOME": os.path.join(top.name, name)}
    r = moat("audit", "init", "--auditor", RECIPIENT, "--reserve", "0", "--json", *options, env=env)
    if r.status:
        note(r)
    path = os.path.join(env["MOAT_HOME"], "audit", "settings.json")
    j = json.load(open(path))
    j["epoch_seconds"] = seconds or j["epoch_seconds"]
    j["witness"].update(witness)
    json.dump(j, open(path, "w"))
    return env, json.loads(r.out)["log"]


def until(what, limit=15):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def verified(env, *options):
    r = moat("audit", "verify", "--json", *options, env=env)
    return json.loads(r.out) if r.status == 0 else {"status": r.status, "err": r.err}


class Endpoint(http.server.ThreadingHTTPServer):
    """with Endpoint(port) as e: e.got [(method, path, type, body)]; e.status is what it answers."""

    def __init__(self, port):
        self.got, self.status = [], 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                outer.got.append((self.command, self.path, self.headers.get("Content-Type"), self.headers.get("Authorization"), body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            do_POST = do_PUT = take

            def log_message(self, *_):
                pass
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def lines(self):
        return [line for *_, body in self.got for line in body.splitlines()]


# --- moat audit send: to a plain endpoint, by POST and by PUT, with a token
port = free_port()
token = os.path.join(top.name, "token")
open(token, "w").write("tellmeagain\n")
env, log = log_in("plain", "--witness", f"http://127.0.0.1:{port}/lines", "--witness", f"http://127.0.0.1:{port}/files/", "--token-file", token)
moat("key", "list", env=env)
r = moat("audit", "send", env=env)
ok(r.status == 10 and f"127.0.0.1:{port}" in r.err, "a machine that is away is an error of send", r)
j = verified(env)
ok([(s["records"], s["waiting"] > 0, s["failures"]) for s in j["sent"]] == [(0, True, 1)] * 2 and j["witnessed"] == 0, "verify says what waits, and for whom", j)
with Endpoint(port) as e:
    r = moat("audit", "send", env=env)
    posts, puts = ([x for x in e.got if x[0] == m] for m in ("POST", "PUT"))
    ok(r.status == 0 and len(posts) == len(puts) == 1 and posts[0][1:4] == ("/lines", "text/plain", "Bearer tellmeagain"), "once it is there it is told, with the token", f"{r} {e.got}")
    ok(puts and puts[0][1].startswith(f"/files/{log}-") and puts[0][1].endswith(".witness") and puts[0][4] == posts[0][4], "an address with a slash at its end gets files", puts)
    leaves = [int(line.split()[2]) for line in posts[0][4].splitlines()] if posts else []
    ok(leaves == sorted(set(leaves)) and len(leaves) >= 2, "lines in the order of their leaves", leaves)
    kept = os.path.join(top.name, "kept")
    open(kept, "w").write("\n".join("some host: " + line for line in e.lines()))
    before = len(e.got)
    r = moat("audit", "send", env=env)
    ok(r.status == 0 and len(e.got) == before, "and not told twice", r)
    moat("key", "list", env=env)
    e.status = 500
    r = moat("audit", "send", env=env)
    ok(r.status == 10 and "500" in r.err, "a machine that does not take it is tried again", r)
j = verified(env, "--witness", kept)
ok(j.get("witnessed", 0) > 2 and [s["failures"] for s in j["sent"]] == [1, 1], "what it kept is a witness", j)
said = moat("audit", "verify", env=env).out
ok("lines wait" in said and "HTTP status 500" in said, "and people are told too", said)
r = moat("audit", "init", "--auditor", RECIPIENT, "--witness", "http://user:secret@127.0.0.1/", env={"MOAT_HOME": os.path.join(top.name, "user")})
ok(r.status == 2 and "token-file" in r.err and "secret" not in r.err, "no password stands in an address", r)

# --- a mirror keeps the lines of other machines' logs
home = os.path.join(top.name, "mirror")
with Mirror(home=home) as m:
    url = f"http://127.0.0.1:{m.port}/witness"
    env, log = log_in("watched", "--witness", url)
    moat("key", "list", env=env)
    moat("key", "list", env=env)
    r = moat("audit", "send", env=env)
    j = verified(env, "--witness", url)
    ok(r.status == 0 and j.get("witnessed") == j.get("records") and j["records"] > 6, "a mirror is a witness up to the last record", f"{r} {j}")
    got = m.get(f"/witness/{log}")
    ok(got.status == 200 and got.body.decode().splitlines()[-1].split(" ", 2)[2].startswith(f"moat-audit-1 {log} "), "and gives what it has, with when it came", got)
    ok(m.get("/witness/" + "0" * 64).status == 404, "of logs that it knows")
    old = os.path.join(top.name, "old")
    shutil.copytree(env["MOAT_HOME"], old)
    moat("key", "add", "evil", env=env)
    moat("audit", "send", env=env)
    shutil.rmtree(env["MOAT_HOME"])
    shutil.copytree(old, env["MOAT_HOME"])  # an administrator puts yesterday's copy back
    j = verified(env, "--witness", url)
    ok(j.get("status") == 4 and "older copy" in j["err"], "an older copy that was put back is found by asking it", j)
    moat("key", "list", env=env)
    r = moat("audit", "send", env=env)
    ok(r.status == 4 and "another history" in r.err, "and when it is told of what was written since", r)
    ok(len(open(os.path.join(home, "witness", log + ".conflict")).read().splitlines()) == 1, "it keeps the evidence")
    line = got.body.decode().splitlines()[-1].split(" ", 2)[2]
    post = lambda body, kind="text/plain": m.ask("POST", "/witness", body.encode(), {"Content-Type": kind}).status  # noqa: E731
    w = line.split()
    wrong = [" ".join(w[:2] + [w[2]] + w[3:4] + ["f" * 64] + w[5:]), " ".join(w[:2] + ["1"] + w[3:])]
    ok(post(line) == 200 and [post(x) for x in wrong] == [409, 409], "the same again is well, another root or fewer leaves are not")
    other = line.replace(log, "a" * 64)
    ok([post(x) for x in ("", "hello\n", line + "\n" + other, line * 2000)] == [400, 400, 400, 413] or note([post(x) for x in ("", "hello\n", line + "\n" + other, line * 2000)]),
       "what are no lines of one log is refused")
    ok(post("{}", "image/png") == 415, "and what is no text")

# --- with keys: who brings the first line of a log brings all others
home = os.path.join(top.name, "keyed")
ann, bo = (moat("key", "add", n, "--scope", "mirror", env={"MOAT_HOME": home}).out.strip() for n in ("ann", "bo"))
with Mirror("--require-key", "true", home=home) as m:
    url = f"http://127.0.0.1:{m.port}/witness"
    env, log = log_in("owned", "--witness", url, "--token-file", token)
    for key, status in ((ann, 0), (bo, 8), ("moat_wrong", 8)):
        open(token, "w").write(key)
        moat("key", "list", env=env)
        r = moat("audit", "send", env=env)
        ok(r.status == status, f"a mirror with keys: exit status {status}", r)
    open(token, "w").write(ann)
    ok(moat("audit", "send", env=env).status == 0 and verified(env, "--witness", url, "--token-file", token).get("witnessed", 0) > 5, "the first key goes on, and verifies")

# --- while a server runs: its own process sends, the machine goes and comes
if not os.path.exists(SMOLLM2):
    skip("a server tells its witnesses", "the test models are not there (scripts/fetch-model --tests)")
else:
    port = free_port()
    env, log = log_in("served", "--witness", f"http://127.0.0.1:{port}/w", seconds=1)
    with Server(env=env) as s:
        ask = lambda: s.post("/v1/completions", {"prompt": "Hi", "max_tokens": 2})  # noqa: E731
        ok(ask().status == 200 and until(lambda: s.events("witness-untold")), "a witness that is away stops nothing", s.log())
        with Endpoint(port) as e:
            ok(until(lambda: e.got and s.events("witness-told")), "when it comes it is told", s.log())
            before = len(e.lines())
            time.sleep(1.1)
            ask()
            ok(until(lambda: len(e.lines()) > before), "and goes on being told with each new epoch", e.got)
            s.stop()
            open(kept, "w").write("\n".join(e.lines()))
    j = verified(env, "--witness", kept)
    ok(j.get("witnessed", 0) >= j.get("records", 0) - 3 and j["records"] > 5, "up to the end of the server", j)  # then its command ends

    # --- syslog, started anew
    path = os.path.join(top.name, "devlog")
    env, log = log_in("syslog", "--syslog", seconds=1, syslog_socket=path)
    heard = []

    def hear(limit=10):
        d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        d.bind(path)
        d.settimeout(limit)
        try:
            heard.append(d.recv(4096).decode())
        except TimeoutError:
            heard.append("")
        d.close()
        os.unlink(path)
        return heard[-1]
    with Server(env=env) as s:
        t = threading.Thread(target=hear)
        t.start()
        until(lambda: os.path.exists(path))
        s.post("/v1/completions", {"prompt": "Hi", "max_tokens": 2})
        t.join()
        ok(f"moat-audit-1 {log} " in heard[-1] and heard[-1].startswith("<85>"), "syslog is told, also one that came later", heard)
        s.post("/v1/completions", {"prompt": "Hi", "max_tokens": 2})  # nobody listens
        time.sleep(1.1)
        t = threading.Thread(target=hear)
        t.start()
        until(lambda: os.path.exists(path))
        ok(s.post("/v1/completions", {"prompt": "Hi", "max_tokens": 2}).status == 200, "without it answers go on")
        t.join()
        ok(f"moat-audit-1 {log} " in heard[-1], "and one that was started anew is told again", heard)
        auditor = int(s.events("auditor")[-1]["detail"].split()[-1])
        seccomp = [x.split()[1] for x in open(f"/proc/{auditor}/status") if x.startswith("Seccomp:")]
        ok(seccomp == ["2"] or "not-isolated" in s.log(), "by an auditor that may open no socket", seccomp)

# --- what a mirror does is on record
env, log = log_in("mirrored")
home = env["MOAT_HOME"]
with Mirror(home=home) as m:
    ok(m.get("/health").status == 200 and m.get("/models").status == 200 and m.get("/models/none/latest.gguf").status == 404, "a mirror with a log answers")
    m.ask("GET", "/stats")
    m.raw(b"GET /models HTTP/1.1\r\nHost: evil.example\r\n\r\n", 2)
acts = [json.loads(x) for x in moat("audit", "list", "--identity", KEY, "--json", env=env).out.splitlines()]
mine = [(x["phase"], x.get("what"), x.get("outcome"), x.get("status")) for x in acts if x["act"] == "mirror"]
ok(mine == [("begin", "/models", None, None), ("end", None, "ok", 200), ("begin", "/models/none/latest.gguf", None, None), ("end", None, "not-found", 404)],
   "what it is asked for is on record, health and numbers are not", mine)
ok([(x["phase"], x["what"]) for x in acts if x["act"] == "command"] == [("begin", "mirror"), ("end", "mirror")] and any(x["act"] == "refused" for x in acts),
   "and its start and end, and who was refused", acts)
ok(verified(env).get("unclosed") == 0, "its log is whole")
top.cleanup()
done()
