#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that show a certificate: by curl and the openssl program; whose key it is, whom nobody knows, and a reload."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
from certs import *  # noqa: E402,F403

missing = [p for p in ("openssl", "curl") if not shutil.which(p)]
if not os.path.exists(SMOLLM2) or missing:
    skip("mtls", f"{', '.join(missing) or SMOLLM2} is not there: scripts/setup test and scripts/fetch-model --tests bring it")
    done()
FOLDER = tempfile.TemporaryDirectory()
STORE = {"MOAT_HOME": os.path.join(FOLDER.name, "moat")}
ours, theirs, people = Authority(FOLDER.name, "servers"), Authority(FOLDER.name, "strangers"), Authority(FOLDER.name, "people")
PAIR = ours.certificate("server", names="DNS:localhost,IP:127.0.0.1")
people.certificate("anna", "/O=Lab/OU=R\\, D/CN=Anna Müller")
people.certificate("bert", "/O=Lab/CN=bert")
people.certificate("carl", "/O=Lab/CN=carl")
people.certificate("old", "/O=Lab/CN=bert", days="-1")
people.certificate("wrong", "/O=Lab/CN=bert", usage="serverAuth")
people.certificate("long", "/O=Lab" + "".join(f"/OU={'x' * 60}" for _ in range(5)) + "/CN=bert")
theirs.certificate("fake", "/O=Lab/CN=bert")


def curl(s, path, who=None, *options):
    """(exit status of curl, HTTP status, body)"""
    cert = ["--cert", people.at(who + ".pem"), "--key", people.at(who + ".key")] if who else []
    r = subprocess.run(["curl", "-s", "--max-time", "60", "--cacert", ours.pem, "-w", "\n%{http_code}", *cert, *options, f"https://localhost:{s.port}{path}"], capture_output=True)
    body, _, status = r.stdout.decode("utf-8", "replace").rpartition("\n")
    return r.returncode, int(status or 0), body


def s_client(s, who, *options):
    cert = ["-cert", people.at(who + ".pem"), "-key", people.at(who + ".key")] if who else []
    ask = f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{s.port}", "-CAfile", ours.pem, "-quiet", "-ign_eof", *cert, *options],
                       input=ask, capture_output=True, timeout=30)
    return (r.stdout + r.stderr).decode("utf-8", "replace")


def add(name, *options):
    r = moat("key", "add", name, *options, "--json", env=STORE)
    return json.loads(r.out)


def until(what, limit=10.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.1)
    return False


def known(s, text):
    got = curl(s, "/v1/models", "anna")
    ok(got[:2] == (0, 200) and "smollm2" in got[2], "a certificate whose subject is a key's", got)
    ok(until(lambda: any(e.get("key") == ANNA["id"] for e in s.events("request"))), "the log has that key", s.events("request"))
    ok("200 OK" in s_client(s, "anna"), "the openssl program", s_client(s, "anna"))
    ok("200 OK" in s_client(s, "anna", "-tls1_2"), "with TLS 1.2 too")
    got = curl(s, "/metrics", "anna")
    ok(got[1] == 403 and "metrics" in got[2], "what that key may not, the certificate may not", got)
    got = curl(s, "/metrics", "bert")
    ok(got[1] == 200, "another has its own terms", got)
    got = curl(s, "/v1/models", "carl")
    ok(got[1] == 401 and "--subject" in got[2], "one of the authority's that is no key's", got)
    got = curl(s, "/v1/models", "carl", "-H", f"Authorization: Bearer {text}")
    ok(got[1] == 200, "that one with a key in a header", got)
    got = curl(s, "/v1/models", "anna", "-H", "Authorization: Bearer sk-none")
    ok(got[1] == 401, "a header that is no key counts before the certificate", got)
    got = curl(s, "/v1/models", "long")
    ok(got[1] == 401, "a subject longer than any key's", got)


def unknown(s):
    for who, what in (("fake", "of an authority that is not ours"), ("old", "that has expired"), ("wrong", "for servers")):
        got = curl(s, "/v1/models", who)
        ok(got[1] == 0 and got[0] in (16, 35, 55, 56), f"a certificate {what} ends the handshake", got)
    out = s_client(s, "fake")
    ok("alert" in out and "200 OK" not in out, "and the openssl program says why", out)


ANNA = add("anna", "--subject", people.subject("anna"))
ok("key" not in ANNA and ANNA["subject"] == people.subject("anna") and "\\C3\\BC" in ANNA["subject"], "a key that is a certificate's has no text", ANNA)
add("bert", "--subject", people.subject("bert"), "--scope", "metrics", "--scope", "inference")
r = moat("key", "add", "again", "--subject", people.subject("bert"), env=STORE)
ok(r.status == 2 and "bert" in r.err, "a subject is one key's", r)
TEXT = add("text")["key"]
LISTEN = ("https://127.0.0.1:0",)

for required in ("false", "true"):
    with Server(SMOLLM2, "--context", "1024", *PAIR, "--tls-client-ca", people.pem, "--require-client-certificate", required, env=STORE, listen=LISTEN,
                tls=ours.context() if required == "false" else None, wait=required == "false", key=TEXT) as s:
        if required == "true":
            s.tls = ours.context()
            s.tls.load_cert_chain(people.at("bert.pem"), people.at("bert.key"))
            s.wait_ready()
        known(s, TEXT)
        unknown(s)
        got = curl(s, "/v1/models", None, "-H", f"Authorization: Bearer {TEXT}")
        if required == "false":
            ok(got[1] == 200, "optional: none is needed with a key", got)
            ok(curl(s, "/v1/models")[1] == 401, "optional: neither")
        else:
            ok(got[1] == 0 and got[0] in (16, 35, 55, 56), "required: a key alone does not do", got)
            moat("key", "revoke", "anna", env=STORE)
            ok(until(lambda: curl(s, "/v1/models", "anna")[1] == 401), "revoked while the server runs")
            shutil.copy(people.pem, people.at("both.pem"))

with open(people.at("trusted.pem"), "w") as f:
    f.write(open(people.pem).read())
with Server(SMOLLM2, "--context", "1024", *PAIR, "--tls-client-ca", people.at("trusted.pem"), env=STORE, listen=LISTEN, tls=ours.context(), key=TEXT) as s:
    ok(curl(s, "/v1/models", "bert")[1] == 200, "before the reload")
    with open(people.at("trusted.pem"), "w") as f:
        f.write(open(theirs.pem).read())
    s.process.send_signal(signal.SIGHUP)
    ok(until(lambda: curl(s, "/v1/models", "bert")[1] == 0), "another authority after a reload: the old one's clients are turned away")
    got = curl(s, "/v1/models", "fake")
    ok(got[1] == 200, "and its own are known", got)
    with open(people.at("trusted.pem"), "w") as f:
        f.write("no PEM")
    s.process.send_signal(signal.SIGHUP)
    ok(until(lambda: any("trusted.pem" in e["detail"] for e in s.events("reload-failed"))) and curl(s, "/v1/models", "fake")[1] == 200,
       "a broken file changes nothing", s.events("reload-failed"))
done()
