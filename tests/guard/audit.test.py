#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat audit from the command line: keys, a log, checking and reading it, with age and with the independent verifier."""
import glob, json, os, random, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import done, moat, note, ok, skip

BUILD = os.environ.get("MOAT_BUILD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build"))
WRITER = os.path.join(BUILD, "tests", "guard", "test_audit")
VERIFIER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audit_verifier.py")


def independent(folder, *witnesses):
    p = subprocess.run([sys.executable, VERIFIER, folder, *[w for x in witnesses for w in ("--witness", x)]], capture_output=True, text=True)
    return json.loads(p.stdout or '{"ok": false, "why": "it fell"}'), p.stderr


def write(folder, n, batch):
    return subprocess.run([WRITER, "write", folder, str(n), str(batch)]).returncode == 0


def agree(folder, *witnesses):
    """Both verifiers; None where they agree."""
    mine = moat("audit", "verify", "--dir", folder, "--json", *[w for x in witnesses for w in ("--witness", x)])
    other, err = independent(folder, *witnesses)
    if (mine.status == 0) != other["ok"] or err:
        return f"moat: {mine}\nindependent: {other} {err}"
    if not other["ok"]:
        return None
    j = json.loads(mine.out)
    wrong = [k for k in ("log", "records", "leaves", "segments", "epochs", "tail_bytes", "witnessed") if j[k] != other[k]]
    return f"{wrong}: {j} {other}" if wrong else None


with tempfile.TemporaryDirectory() as top:
    home, key, witness = os.path.join(top, "home"), os.path.join(top, "auditor.key"), os.path.join(top, "witness")
    env = {"MOAT_HOME": home}
    folder = os.path.join(home, "audit")
    r = moat("audit", "keygen", key)
    recipient = r.out.strip()
    ok(r.status == 0 and recipient.startswith("age1") and os.stat(key).st_mode & 0o777 == 0o600, "keygen writes a key of an auditor", r)
    ok(moat("audit", "keygen", key).status == 2, "and never overwrites one")
    ok(moat("audit", "verify", env=env).status == 3, "without a log there is nothing to verify")
    r = moat("audit", "init", env=env)
    ok(r.status == 2 and "--auditor" in r.err, "a log needs an auditor", r)
    r = moat("audit", "init", "--auditor", recipient[:-1] + ("q" if recipient[-1] != "q" else "p"), env=env)
    ok(r.status == 2 and "age1" in r.err, "whose key is right", r)
    r = moat("audit", "init", "--auditor", recipient, "--witness", witness, "--spool", "--segment", "16K", "--reserve", "1M", "--json", env=env)
    log = json.loads(r.out)["log"] if r.status == 0 else ""
    ok(r.status == 0 and len(log) == 64, "init begins a log", r)
    ok(moat("audit", "init", "--auditor", recipient, env=env).status == 2, "once")
    ok(write(folder, 500, 3), "records are written")

    r = moat("audit", "verify", "--witness", witness, "--log", log, "--json", env=env)
    j = json.loads(r.out) if r.status == 0 else {}
    n = j.get("records", 0)  # those, a close, and an open for each segment
    ok(n == 501 + j["sessions"] and j["witnessed"] == n and j["segments"] > 3 and j["anchored"], "all of it verifies, witnessed to its end", r)
    ok(moat("audit", "verify", "--log", "0" * 64, env=env).status == 4, "another log than the one that is asked for is none")
    r = moat("audit", "verify", env=env)
    ok(r.status == 0 and "not witnessed" in r.out, "and without a witness it says so", r)
    r = moat("audit", "list", "--identity", key, "--json", env=env)
    lines = [json.loads(line) for line in r.out.splitlines()]
    ok([x["n"] for x in lines if x["act"] == "test"] == list(range(500)) and [x["record"] for x in lines] == list(range(1, n + 1)),
       "list gives every record, in order", r)
    r = moat("audit", "list", "--identity", key, "-n", "2", env=env)
    ok(r.status == 0 and "close" in r.out and len(r.out.splitlines()) == 3, "or the last ones, as a table", r)
    other_key = os.path.join(top, "other.key")
    moat("audit", "keygen", other_key)
    r = moat("audit", "list", "--identity", other_key, "--json", env=env)
    ok(r.status == 0 and r.out == "" and str(n) in r.err, "another key reads nothing", r)
    ok(moat("audit", "list", env=env).status == 2, "and none is an error")
    r = moat("audit", "stats", "--identity", key, "--json", env=env)
    ok(r.status == 0 and json.loads(r.out)["acts"]["test"] == 500, "stats counts the acts", r)
    first = [x["record"] for x in lines if x["act"] == "open"]
    only = lambda *o: [json.loads(x)["record"] for x in moat("audit", "list", "--identity", key, "--json", *o, env=env).out.splitlines()]  # noqa: E731
    ok(only("--act", "open", "--since", "1h") == first and only("--act", "open", "--act", "close") == first + [n] and len(only("--act", "test", "-n", "3")) == 3
       and only("--since", "2999-01-01") == only("--until", "2026-01-01T00:00:00Z") == only("--who", "nobody") == [], "list shows some acts, of some time, of somebody")
    ok(moat("audit", "list", "--identity", key, "--since", "yesterday", env=env).status == 2, "a time that is none is refused")
    r = moat("audit", "tail", "--line", env=env)
    ok(r.status == 0 and r.out.strip() == open(witness).read().splitlines()[-1], "tail prints the line that the witness has", r)
    ok(os.path.getsize(os.path.join(folder, "spool")) > 100, "the spool has one for another machine")
    plain = b"".join(open(f, "rb").read() for f in glob.glob(os.path.join(folder, "*")))
    ok(b"some words" not in plain and b'"act"' not in plain, "no word of a record is on the disk in clear")

    p = subprocess.Popen([os.environ.get("MOAT", os.path.join(BUILD, "moat")), "audit", "tail", "--follow", "--identity", key, "--json", "-n", "2", "--for", "1", "--dir", folder],
                         stdout=subprocess.PIPE, text=True)
    seen = [json.loads(p.stdout.readline())["record"] for _ in range(2)]
    write(folder, 90, 4)  # over several segments
    seen += [json.loads(x)["record"] for x in p.communicate(timeout=30)[0].splitlines()]
    r = moat("audit", "list", "--identity", key, "--json", env=env)
    lines = [json.loads(line) for line in r.out.splitlines()]
    ok(seen == list(range(n - 1, len(lines) + 1)) and len(lines) > n + 90, "tail --follow shows what is added, each record once", seen)
    n = len(lines)
    r = moat("audit", "tail", "--follow", "--for", "1", env=env)
    ok(r.status == 0 and r.out.startswith("moat-audit-1 "), "and without a key the line of a witness", r)

    out = os.path.join(top, "export.age")
    r = moat("audit", "export", out, "--identity", key, env=env)
    ok(r.status == 0, "export writes a file", r)
    if shutil.which("age"):
        p = subprocess.run(["age", "-d", "-i", key, out], capture_output=True)
        ok(p.returncode == 0 and [json.loads(x) for x in p.stdout.splitlines()] == lines, "which the stock age opens", p.stderr)
        p = subprocess.run(["age", "-d", "-i", other_key, out], capture_output=True)
        ok(p.returncode != 0, "with the right key only")
        p = subprocess.run(["age-keygen", "-o", os.path.join(top, "third.key")], capture_output=True, text=True)
        third = p.stderr.split()[-1]
        both = os.path.join(top, "both.age")
        r = moat("audit", "export", both, "--identity", key, "--auditor", third, "--auditor", recipient, env=env)
        got = [subprocess.run(["age", "-d", "-i", k, both], capture_output=True).stdout for k in (key, os.path.join(top, "third.key"))]
        ok(r.status == 0 and got[0] == got[1] and len(got[0].splitlines()) == n, "also one that age-keygen made, and several", r)
    else:
        skip("which the stock age opens", "age is not installed (scripts/setup test)")

    # --- the independent verifier, on this log and on broken copies of it
    problem = agree(folder, witness) or agree(folder)
    ok(not problem, "the independent verifier says the same", problem)
    rng, problems, broken = random.Random(13), [], 0
    small = os.path.join(top, "small")
    moat("audit", "init", "--auditor", recipient, "--segment", "4K", "--reserve", "0", "--dir", small)
    write(small, 20, 2)
    copy = os.path.join(top, "copy")
    for i in range(40):
        shutil.copytree(small, copy)
        path = rng.choice(sorted(glob.glob(os.path.join(copy, "*.log"))))
        data = bytearray(open(path, "rb").read())
        at, how = rng.randrange(len(data)), i % 5
        if how == 0: data[at] ^= 1 << rng.randrange(8)
        if how == 1: del data[at:at + rng.randrange(1, 300)]
        if how == 2: data[at:at] = data[:rng.randrange(1, 300)]
        if how == 3: del data[at:]
        if how == 4: data += bytes(rng.randrange(256) for _ in range(30))
        open(path, "wb").write(data)
        problem = agree(copy)
        problems += [f"copy {i}, {path} at {at}: {problem}"] if problem else []
        broken += moat("audit", "verify", "--dir", copy).status == 4
        shutil.rmtree(copy)
    ok(not problems and broken > 20, f"and on 40 changed copies ({broken} damaged)", "\n".join(problems))

    # --- commands are on record, and what cannot be is not done
    from serving import SMOLLM2
    r = moat("key", "add", "alice", env=env)
    ok(r.status == 0 and r.out.startswith("moat_"), "a key is made", r)
    r = moat("pull", "https://user:secret@127.0.0.1:1/x.gguf", "--name", "x", "--tries", "1", env=env, limit=20)
    moat("rm", "nothing", env=env)
    acts = [json.loads(line) for line in moat("audit", "list", "--identity", key, "--json", env=env).out.splitlines()[n:]]
    commands = [(x["what"], x["phase"], x.get("outcome")) for x in acts if x["act"] == "command"]
    ok(commands[:2] == [("key", "begin", None), ("key", "end", "ok")] and commands[-1] == ("rm", "end", "not-found"),
       "commands are on record before and after", commands)
    ok([x["args"] for x in acts if x["act"] == "command" and x["phase"] == "begin"][0] == ["add", "alice"], "with their arguments")
    ok("secret" not in json.dumps(acts) and "127.0.0.1:1/x.gguf" in json.dumps(acts), "but without passwords", acts)
    if os.path.exists(SMOLLM2):
        r = moat("run", SMOLLM2, "The capital of France is", "--raw", "--max-tokens", "4", "--temperature", "0", "--json", env=env)
        acts = [json.loads(line) for line in moat("audit", "list", "--identity", key, "--json", env=env).out.splitlines()]
        answer = [x for x in acts if x["act"] == "answer"]
        import hashlib
        ok(r.status == 0 and len(answer) == 2 and answer[0]["prompt_sha256"] == hashlib.sha256(b"The capital of France is").hexdigest()
           and answer[1]["answer_tokens"] == 4 and answer[1]["answer_sha256"] == hashlib.sha256(json.loads(r.out)["content"].encode()).hexdigest(),
           "an answer is on record, by its hashes", f"{answer} {r}")
        ok("capital" not in json.dumps(acts), "and without a word of it")
    else:
        skip("an answer is on record", "the test models are not there")

    # --- a damaged log ends all work here
    path = sorted(glob.glob(os.path.join(folder, "*.log")))[-1]
    data = bytearray(open(path, "rb").read())
    data[len(data) // 3] ^= 1
    open(path, "wb").write(data)
    r = moat("audit", "verify", env=env)
    ok(r.status == 4 and "damaged" in r.err, "damage is found, and where", r)
    before = open(os.path.join(home, "keys.json")).read()
    r = moat("key", "add", "bob", env=env)
    ok(r.status == 4 and r.out == "" and open(os.path.join(home, "keys.json")).read() == before, "and nothing is done that cannot be recorded", r)
    if os.path.exists(SMOLLM2):
        r = moat("run", SMOLLM2, "Hello", "--max-tokens", "4", env=env)
        ok(r.status == 4 and r.out == "", "no token is given out", r)
done()
