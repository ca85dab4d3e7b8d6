#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat serve over TLS, with keys: real clients with a private CA, what is refused, bad clients, reload while it runs."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

missing = [p for p in ("openssl", "curl") if not shutil.which(p)]
if not os.path.exists(SMOLLM2) or missing:
    skip("tls", f"{', '.join(missing) or SMOLLM2} is not there: scripts/setup test and scripts/fetch-model --tests bring it")
    done()
ASK = {"model": "smollm2", "messages": [{"role": "user", "content": "Count to one hundred."}], "temperature": 1, "min_p": 0}
HOME = tempfile.TemporaryDirectory()
STORE = {"MOAT_HOME": os.path.join(HOME.name, "moat")}


def at(name):
    return os.path.join(HOME.name, name)


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def certificate(name, ca="ca", days="2", kind=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
    """NAME.pem and NAME.key: for localhost, signed by the private CA."""
    openssl("req", "-new", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", at(name + ".key"), "-out", at(name + ".csr"))
    with open(at("ext"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", at(name + ".csr"), "-CA", at(ca + ".pem"), "-CAkey", at(ca + ".key"), "-CAcreateserial", "-days", days,
            "-extfile", at("ext"), "-out", at(name + ".pem"))
    os.chmod(at(name + ".key"), 0o600)


def wait(what, limit=10.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def pair(name):
    return ("--tls-certificate", at(name + ".pem"), "--tls-key", at(name + ".key"))


openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=moat test CA",
        "-keyout", at("ca.key"), "-out", at("ca.pem"))
certificate("server")
certificate("next")
CA = ssl.create_default_context(cafile=at("ca.pem"))


def refusals():
    """What a server does not start with, and what it says."""
    def serve(*options, listen="0.0.0.0:0"):
        return moat("serve", "--model", SMOLLM2, "--listen", listen, *options, env=STORE, limit=30)
    r = serve()
    ok(r.status == 8 and "tls_certificate" in r.err and "tls_key" in r.err, "other machines without TLS", r)
    r = serve(*pair("server"))
    ok(r.status == 8 and "moat key add" in r.err, "other machines without a key", r)
    r = serve(listen="http://0.0.0.0:0")
    ok(r.status == 8 and "http://" in r.err, "other machines in plain text", r)
    r = serve("--require-key", "true", listen="127.0.0.1:0")
    ok(r.status == 8 and "moat key add" in r.err, "keys that are asked for and not there", r)
    r = serve("--tls-certificate", at("server.pem"))
    ok(r.status == 2 and "tls_key" in r.err, "a certificate without a key", r)
    r = serve("--tls-certificate", at("nothing.pem"), "--tls-key", at("server.key"))
    ok(r.status == 3 and "nothing.pem" in r.err, "no such file", r)
    r = serve("--tls-certificate", at("server.pem"), "--tls-key", at("next.key"))
    ok(r.status == 8 and "next.key" in r.err and "server.pem" in r.err, "the key of another certificate", r)
    r = serve("--tls-certificate", at("server.key"), "--tls-key", at("server.key"))
    ok(r.status == 4 and "server.key" in r.err and "BEGIN CERTIFICATE" in r.err, "a file that is no certificate", r)
    shutil.copy(at("server.pem"), at("none.key"))
    os.chmod(at("none.key"), 0o600)
    r = serve("--tls-certificate", at("server.pem"), "--tls-key", at("none.key"))
    ok(r.status == 4 and "BEGIN PRIVATE KEY" in r.err, "a file that is no key", r)
    openssl("ec", "-in", at("server.key"), "-aes256", "-passout", "pass:word", "-out", at("locked.key"))
    os.chmod(at("locked.key"), 0o600)
    r = serve("--tls-certificate", at("server.pem"), "--tls-key", at("locked.key"))
    ok(r.status == 5 and "encrypted" in r.err, "an encrypted key", r)
    shutil.copy(at("server.key"), at("open.key"))
    os.chmod(at("open.key"), 0o644)
    r = serve("--tls-certificate", at("server.pem"), "--tls-key", at("open.key"))
    ok(r.status == 8 and "chmod 600" in r.err, "a key that everybody can read", r)
    certificate("weak", kind=("-newkey", "rsa:1024"))
    r = serve(*pair("weak"))
    ok(r.status == 8 and "weak.pem" in r.err and "too small" in r.err, "a key of 1024 bits", r)
    openssl("x509", "-req", "-in", at("server.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "-1",
            "-out", at("old.pem"))
    r = serve("--tls-certificate", at("old.pem"), "--tls-key", at("server.key"))
    ok(r.status == 8 and "expired" in r.err, "one that has expired", r)


def keys():
    r = moat("key", "add", "anna", "--scope", "inference", "--scope", "metrics", env=STORE)
    key = r.out.strip()
    ok(r.status == 0 and len(key) == 64 and key.startswith("moat_") and r.out.count("\n") == 1, "key add prints the key and nothing else", r)
    stored = open(os.path.join(STORE["MOAT_HOME"], "keys.json")).read()
    ok(key not in stored and key[14:57] not in stored and os.stat(os.path.join(STORE["MOAT_HOME"], "keys.json")).st_mode & 0o777 == 0o600,
       "only its hash is stored", stored)
    ok(moat("key", "add", "anna", env=STORE).status == 2, "a name is taken once")
    other = json.loads(moat("key", "add", "bert", "--json", env=STORE).out)
    shown = json.loads(moat("key", "list", "--json", env=STORE).out)["keys"]
    ok([k["name"] for k in shown] == ["anna", "bert"] and shown[1]["id"] == other["id"] == other["key"][5:13] and "key" not in shown[1],
       "key list", shown)
    ok("anna" in moat("key", "list", env=STORE).out, "as text too")
    ok(moat("key", "revoke", "nobody", env=STORE).status == 3 and moat("key", "revoke", env=STORE).status == 2 and
       moat("key", "drop", env=STORE).status == 2, "what is wrong with a command is said")
    return key, other["key"]


def curl(s, path, *options):
    r = subprocess.run(["curl", "-s", "-i", "--max-time", "60", "--cacert", at("ca.pem"), f"https://localhost:{s.port}{path}", *options],
                       capture_output=True)
    return r.returncode, r.stdout.decode("utf-8", "replace")


def s_client(s, *options, feed=b""):
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{s.port}", "-CAfile", at("ca.pem"), "-verify_return_error",
                        "-servername", "localhost", *options], input=feed, capture_output=True, timeout=30)
    return (r.stdout + r.stderr).decode("utf-8", "replace")


def real_clients(s, key):
    status, out = curl(s, "/v1/models", "-H", f"Authorization: Bearer {key}")
    ok(status == 0 and "200 OK" in out and '"smollm2"' in out, "curl with a private CA", out)
    status, out = curl(s, "/v1/models", "-H", f"x-api-key: {key}")
    ok(status == 0 and "200 OK" in out, "curl with x-api-key", out)
    status, out = curl(s, "/v1/models", "-H", f"Authorization: Bearer {key}", "--tls-max", "1.2")
    ok(status == 0 and "200 OK" in out, "curl with TLS 1.2", out)
    status, out = curl(s, "/v1/models", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
    ok(status in (35, 4), "TLS 1.1 is refused", (status, out))
    out = s_client(s, "-alpn", "h2,http/1.1")
    ok("TLSv1.3" in out and "ALPN protocol: http/1.1" in out and "Verify return code: 0" in out, "openssl s_client: TLS 1.3, ALPN http/1.1", out)
    out = s_client(s, "-alpn", "h2")
    ok("no application protocol" in out, "a client that speaks HTTP/2 only is told so", out)
    out = s_client(s, "-tls1_2", "-cipher", "AES128-SHA")
    ok("handshake failure" in out, "no cipher without forward secrecy", out)
    out = s_client(s, "-quiet", "-ign_eof", feed=f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n".encode())
    ok("200 OK" in out and '"smollm2"' in out, "openssl s_client sees the end (close_notify)", out)
    folder = clients()
    if not folder:
        skip("openai over TLS", "the clients are not there: scripts/fetch-clients")
        return
    sys.path.insert(0, folder)
    import httpx
    import openai
    c = openai.OpenAI(base_url=f"https://localhost:{s.port}/v1", api_key=key, max_retries=0, timeout=60, http_client=httpx.Client(verify=CA))
    parts = list(c.chat.completions.create(model="smollm2", messages=ASK["messages"], max_tokens=24, stream=True, temperature=0))
    whole = c.chat.completions.create(model="smollm2", messages=ASK["messages"], max_tokens=24, temperature=0)
    ok("".join(p.choices[0].delta.content or "" for p in parts if p.choices) == whole.choices[0].message.content, "the openai SDK: chat and stream")
    c.close()
    with openai.OpenAI(base_url=f"https://localhost:{s.port}/v1", api_key="none", max_retries=0, http_client=httpx.Client(verify=CA)) as c:
        try:
            c.models.list()
            ok(False, "the openai SDK without a key")
        except openai.AuthenticationError as e:
            ok(e.code == "invalid_api_key" and e.type == "authentication_error" and e.request_id, "the openai SDK without a key", e)


def unauthorised(s, key):
    wrong = key[:20] + ("a" if key[20] != "a" else "b") + key[21:]
    for name, headers in (("none", {}), ("wrong", {"Authorization": "Bearer " + wrong}), ("basic", {"Authorization": "Basic " + key}),
                          ("x-api-key", {"x-api-key": wrong})):
        r = s.ask("POST", "/v1/chat/completions", dict(ASK, max_tokens=1), headers=dict({"Authorization": ""}, **headers))
        e = r.json().get("error", {})
        ok(r.status == 401 and r.headers["www-authenticate"] == "Bearer" and e["code"] == "invalid_api_key" and e["request_id"].startswith("req_"),
           f"401 in OpenAI's shape: {name}", r)
    r = s.ask("POST", "/api/chat", dict(ASK), headers={"Authorization": ""})
    ok(r.status == 401 and isinstance(r.json()["error"], str), "401 in Ollama's shape", r)
    r = s.ask("POST", "/completion", {"prompt": "a"}, headers={"Authorization": ""})
    ok(r.status == 401 and r.json()["error"]["code"] == 401 and r.json()["error"]["type"] == "authentication_error", "401 in llama.cpp's shape", r)
    r = s.ask("GET", "/nothing/here", headers={"Authorization": ""})
    ok(r.status == 401, "without a key nobody learns what there is", r)
    ok(s.ask("GET", "/health", headers={"Authorization": ""}).status == 200, "but /health")
    ok(s.get("/v1/models", headers={"Host": "moat.example.org"}).status == 403, "a name that the certificate does not have is not the server's")
    ok(s.get("/v1/models", headers={"Host": "localhost:1", "Origin": "https://localhost:1"}).status == 200, "its own pages may ask")
    ok(s.get("/v1/models", headers={"Origin": "https://evil.example"}).status == 403, "but not pages of others")
    logged = s.log()
    ok(key not in logged and wrong not in logged and key[14:57] not in logged, "no key in the log")
    ok(any(e.get("key") == key[5:13] for e in s.events("request")), "but the id of the one that asked")


def large(s):
    r = s.post("/tokenize", {"content": "word " * 1000000}, limit=120)
    ok(r.status == 200 and len(r.json()["tokens"]) >= 1000000, "5 MB up, and as much back", r.status)
    r = s.post("/tokenize", b" " * (33 << 20))
    ok(r.status == 413, "a body that is too large is refused", r)
    c = CA.wrap_socket(socket.create_connection(("127.0.0.1", s.port)), server_hostname="localhost")
    request = f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx-api-key: {s.key}\r\n\r\n".encode()
    c.sendall(request * 50)
    c.settimeout(10)
    got = b""
    while got.count(b"200 OK") < 50:
        got += c.recv(65536)
    ok(got.count(b"200 OK") == 50, "50 requests at once on one connection")
    for piece in request:  # each byte a record of its own
        c.sendall(bytes([piece]))
    ok(b"200 OK" in c.recv(65536), "a request in records of one byte")
    rest = c.unwrap()
    ok(rest is not None, "close_notify is answered")
    rest.close()


def bad_clients(s):
    def raw(data, limit=13.0):
        c = socket.create_connection(("127.0.0.1", s.port), timeout=limit)
        t0, got = time.monotonic(), b""
        try:
            c.sendall(data)
            while True:
                piece = c.recv(65536)
                if not piece:
                    break
                got += piece
        except TimeoutError:
            return got, None
        except ConnectionError:
            pass
        finally:
            c.close()
        return got, time.monotonic() - t0
    got, took = raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    ok(b"400 Bad Request" in got and b"https://" in got and took is not None, "plain HTTP is told to use https://", got)
    got, took = raw(os.urandom(4096))
    ok(took is not None and took < 5, "garbage ends at once", (got, took))
    got, took = raw(b"\x16\x03\x01\x40\x00" + b"\0" * 100)
    ok(took is not None, "so does a hello that is too long", (got, took))
    hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        CA.wrap_bio(*hello, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    client_hello = hello[1].read()
    results = together(3, lambda i: raw([b"", client_hello[:50], client_hello][i]))
    ok(all(isinstance(r, tuple) and r[1] is not None and 8 < r[1] < 13 for r in results), "a handshake that does not go on ends after its 10 s",
       [r[1] if isinstance(r, tuple) else r for r in results])
    for i in range(60):  # clients that leave at any point
        c = socket.create_connection(("127.0.0.1", s.port))
        c.sendall(client_hello[:i * 7] if i < 50 else client_hello + os.urandom(i))
        if i % 2:
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.close()
    ok(s.get("/health").status == 200, "and the server stands")
    ok(wait(lambda: "moat_connections 1\n" in s.get("/metrics").body.decode(), 5), "none of them is left", s.get("/metrics").body.decode()[-400:])


def reload(s, key, other):
    """A renewed certificate and a revoked key, while a stream runs."""
    def issuer():
        c = CA.wrap_socket(socket.create_connection(("127.0.0.1", s.port)), server_hostname="localhost")
        name = dict(x[0] for x in c.getpeercert()["subject"])["commonName"]
        c.close()
        return name
    got = []
    t = threading.Thread(target=lambda: got.append(s.post("/v1/chat/completions", dict(ASK, max_tokens=300, stream=True))))
    t.start()
    ok(wait(lambda: "moat_jobs_live 1" in s.get("/metrics").body.decode()) and issuer() == "server", "the first certificate")
    for kind in ("pem", "key"):
        shutil.copy(at(f"next.{kind}"), at(f"live.{kind}"))
    s.process.send_signal(signal.SIGHUP)
    ok(wait(lambda: s.events("reloaded")) and issuer() == "next", "SIGHUP: the renewed one", s.log())
    with open(at("live.pem"), "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\n")
    ok(moat("key", "revoke", "bert", env=STORE).status == 0, "a key is revoked")
    s.process.send_signal(signal.SIGHUP)
    ok(wait(lambda: s.events("reload-failed")) and "live.pem" in s.events("reload-failed")[0]["detail"] and issuer() == "next",
       "SIGHUP: a broken one changes nothing and is named", s.log())
    ok(wait(lambda: s.get("/v1/models", headers={"Authorization": "Bearer " + other}).status == 401), "but the revoked key is out")
    third = moat("key", "add", "carl", env=STORE).out.strip()
    ok(wait(lambda: s.get("/v1/models", headers={"Authorization": "Bearer " + third}).status == 200), "a new key is in without any signal")
    t.join(60)
    ok(got and got[0].status == 200 and got[0].events()[-1] == "[DONE]", "the stream was not touched", got and got[0])


def loopback(key):
    """Plain text at loopback is as it was; with require_key it asks."""
    with Server(SMOLLM2, env=STORE) as s:
        ok(s.get("/v1/models").status == 200, "loopback without TLS asks for no key")
        ok(s.get("/v1/models", headers={"Host": "moat.example.org"}).status == 403, "and has no other names")
    with Server(SMOLLM2, "--require-key", "true", env=STORE) as s:
        ok(s.get("/v1/models").status == 401 and s.get("/v1/models", headers={"x-api-key": key}).status == 200, "with require_key it does")


refusals()
KEY, OTHER = keys()
for extension in ("pem", "key"):
    shutil.copy(at(f"server.{extension}"), at(f"live.{extension}"))
with Server(SMOLLM2, "--parallel", 2, *pair("live"), listen=("https://127.0.0.1:0",), env=STORE, tls=CA, key=KEY) as server:
    real_clients(server, KEY)
    unauthorised(server, KEY)
    large(server)
    bad_clients(server)
    reload(server, KEY, OTHER)
    front = [p for p in server.children() if p != server.engine()]
    os.kill(front[0], signal.SIGKILL)
    ok(wait(lambda: front[0] not in server.children()) and wait(lambda: not isinstance(together(1, lambda i: server.get("/health").status)[0], Exception)) and
       server.get("/v1/models").status == 200, "a front that is killed comes back with certificate and keys")
loopback(KEY)
HOME.cleanup()
done()
