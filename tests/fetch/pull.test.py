#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat pull from one source that is sound, slow, broken or hostile: what arrives is the file or nothing."""
import os
import signal
import socket
import ssl
import subprocess
import time

from pull_lib import *
from fault_server import FaultServer, free_port, wait_for
from tap import done, ok, skip

FILE = model(11)
SUM = sha256(FILE)
OTHER = model(11, seed=2)


def one(behave, *args, data=FILE, limit=25, env=None):
    """(result, server) of one pull as t:1 into a store that is new."""
    fresh()
    with FaultServer(data, behave) as s:
        return pull(s.url, "--name", "t:1", *args, limit=limit, env=env), s


def arrives(name, behave, *args, most=None, least_requests=1):
    r, s = one(behave, "--sha256", SUM, *args)
    good = r.status == 0 and stored(FILE) and partials() == [] and len(s.requests) >= least_requests
    ok(good and (most is None or s.sent <= len(FILE) + most), f"{name}: the file arrives",
       f"{r}\n{len(s.requests)} requests, {s.sent - len(FILE)} bytes too many, {partials()}")


def refused(name, behave, status, words, *args, data=FILE):
    r, s = one(behave, *args, data=data)
    ok(r.status == status and words in r.err and not os.path.exists(blob(data)) and store_is_clean(),
       f"{name}: refused ({words})", f"{r}\n{len(s.requests)} requests")


def sound():
    r, s = one(lambda n, q: {}, "--sha256", SUM, "--json")
    last = result(r)
    ok(r.status == 0 and stored(FILE) and last.get("verified") is True and last.get("received") == len(FILE), "a sound server", r)
    ok(all(q.headers["User-Agent"].startswith("moat/") and q.headers["Accept-Encoding"] == "identity" for q in s.requests),
       "requests say who asks, and want the bytes as they are")
    ok(moat("verify", "t:1").status == 0 and moat("show", "t:1", "--key", "general.architecture").out.strip() == "llama", "the model is there")
    ok("http://127.0.0.1" in open(os.path.join(HOME, "manifests/t/1.json")).read(), "its manifest says where it came from")
    with FaultServer(FILE) as s:
        r = pull(s.url, "--name", "t:2", "--sha256", SUM, "--json")
        ok(r.status == 0 and result(r)["present"] and not s.requests, "what is in the store is not fetched again", r)
        with open(blob(FILE), "r+b") as f:
            f.write(b"X")
        r = pull(s.url, "--name", "t:2", "--sha256", SUM, "--json")
        ok(r.status == 0 and not result(r)["present"] and stored(FILE), "but a damaged blob is", r)
    r, s = one(lambda n, q: {}, "--json")
    ok(r.status == 0 and result(r).get("verified") is False and stored(FILE), "without a digest it says that nothing was compared", r)
    fresh()
    with FaultServer(FILE) as s:
        r = pull(s.url)
        ok(r.status == 0 and "model:latest" in r.out, "without a name it is called after its file", r)


def faults():
    arrives("connections reset", lambda n, q: {"stop_after": 700000, "how": "reset"} if n % 3 else {}, least_requests=3)
    arrives("truncated answers", lambda n, q: {"stop_after": 1500000, "how": "close"} if n < 6 else {}, least_requests=6)
    arrives("a stalled connection", lambda n, q: {"stop_after": 1200000, "how": "stall"} if n == 1 else {}, "--timeout", "2")
    arrives("a server without ranges", lambda n, q: {"whole": True, "etag": ""})
    arrives("and one that breaks off", lambda n, q: {"whole": True, "stop_after": 4 * MIB + 5, "how": "reset"} if n == 0 else {"whole": True})
    arrives("503 with Retry-After", lambda n, q: {"status": 503, "headers": {"Retry-After": "1"}} if n < 2 else {})
    arrives("429 for more than two connections", lambda n, q: {"status": 429} if n in (3, 4, 5, 6) else {})
    arrives("errors of a gateway", lambda n, q: {"status": 502} if n % 2 else {})
    arrives("answers without ETag", lambda n, q: {"etag": ""})
    arrives("an ETag that always changes", lambda n, q: {"etag": f'"{n}"'}, least_requests=4)
    arrives("wrong ranges now and then", lambda n, q: {"shift": MIB} if n in (2, 4) else {})
    arrives("redirects", lambda n, q: {"status": 302, "headers": {"Location": "/elsewhere"}} if q.path == "/model.gguf" else {})
    refused("a redirect loop", lambda n, q: {"status": 302, "headers": {"Location": q.path}}, 10, "redirects in a circle")
    refused("not found", lambda n, q: {"status": 404}, 3, "404")
    refused("forbidden", lambda n, q: {"status": 403}, 8, "403")
    refused("a token is wanted", lambda n, q: {"status": 401}, 9, "401")
    refused("only wrong ranges", lambda n, q: {"shift": 1}, 4, "other bytes than were asked for")
    refused("no length", lambda n, q: {"whole": True, "no_length": True}, 5, "how long the file is")
    refused("another encoding", lambda n, q: {"headers": {"Content-Encoding": "gzip"}}, 5, "encoding")
    refused("a redirect to a file", lambda n, q: {"status": 302, "headers": {"Location": "file:///etc/passwd"}}, 10, "does not follow")
    refused("another file than expected", lambda n, q: {}, 4, "no source has the file that is wanted", "--sha256", SUM, data=OTHER)
    refused("a lying server", lambda n, q: {"lie": 3}, 4, "no source has", "--sha256", SUM)
    refused("a web page", lambda n, q: {"body": b"<html>log in</html>"}, 5, "not a GGUF model but a web page")


def versions():
    """The file changes on the server while it is pulled: never a mixture."""
    fresh()
    with FaultServer(FILE) as s:
        def behave(n, q):
            if n >= 4:
                s.data = OTHER
            return {"etag": '"one"' if n < 4 else '"two"', "drip": (262144, 0.01)}
        s.behave = behave
        r = pull(s.url, "--name", "t:1", "--connections", 2)
        ok(r.status == 0 and stored(OTHER) and not os.path.exists(blob(FILE)), "a file that changes is fetched anew", r)
        ok("changed while it was pulled" in r.err, "and that is said", r)
        ok(any(q.headers.get("If-Range") == '"one"' for q in s.requests), "ranges are asked for with If-Range")
    fresh()
    longer = model(13, seed=3)
    with FaultServer(FILE) as s:
        def grow(n, q):
            if n >= 2:
                s.data = longer
            return {"etag": ""}
        s.behave = grow
        r = pull(s.url, "--name", "t:1", "--connections", 1)
        ok(r.status == 0 and stored(longer), "a file that grows, without an ETag", r)


def killed(times):
    """kill -9 at random times: the next call goes on, and at most one piece a connection is lost."""
    fresh()
    random.seed(8)
    lost_most = 0
    with FaultServer(FILE, lambda n, q: {"drip": (65536, 0.004)}) as s:
        args = (s.url, "--name", "t:1", "--sha256", SUM, "--connections", "4")
        for _ in range(times):
            p = start(*args)
            time.sleep(random.uniform(0.03, 0.25))
            p.kill()
            p.communicate()
        before = s.sent
        r = pull(*args, "--json", "--continue")
        lost_most = s.sent - len(FILE)
        ok(r.status == 0 and stored(FILE) and partials() == [], f"after {times} kills the file is whole", r)
        ok(result(r).get("received", 0) < len(FILE), "and the last call did not start from nothing", r)
        ok(lost_most <= (times + 1) * 4 * MIB, f"at most a piece a connection was lost each time", f"{lost_most} bytes too many, {before}")


def interrupted():
    fresh()
    with FaultServer(FILE, lambda n, q: {"drip": (65536, 0.02)}) as s:
        p = start(s.url, "--name", "t:1", "--sha256", SUM)
        wait_for(lambda: s.sent > MIB)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=10)
        ok(p.returncode == 130 and b"goes on from here" in err, "Ctrl-C stops, and says how to go on", err)
        q = start(s.url, "--name", "t:1", "--sha256", SUM)
        s.behave = lambda n, q: {}
        r = pull(s.url, "--name", "t:2", "--sha256", SUM)
        q.communicate(timeout=60)
        ok(r.status == 0 and q.returncode == 0 and stored(FILE) and moat("verify").status == 0, "two pulls of the same file at once", r)


def limits():
    t0 = time.monotonic()
    r, s = one(lambda n, q: {}, "--sha256", SUM, "--limit-rate", "4M")
    seconds = time.monotonic() - t0
    ok(r.status == 0 and stored(FILE) and 2.4 < seconds < 5, f"--limit-rate 4M: {len(FILE) / MIB:.0f} MiB in {seconds:.1f} s", r)
    t0 = time.monotonic()
    r = pull(f"http://127.0.0.1:{free_port()}/x.gguf", "--name", "t:1", "--retries", "3")
    ok(r.status == 10 and "no connection" in r.err, "nobody listens: --retries 3 ends it", r)
    r = pull("http://moat.invalid/x.gguf", "--name", "t:1", limit=60)
    ok(r.status == 10 and "has no address" in r.err, "a host that does not exist is no reason to wait for ever", r)


def secrets():
    """Tokens and passwords go to their host, and nowhere else."""
    fresh()
    token = os.path.join(WORK, "token")
    with open(token, "w") as f:
        f.write("s3cret\n")
    with FaultServer(FILE) as thief:
        away = f"http://localhost:{thief.port}/stolen.gguf"
        with FaultServer(FILE, lambda n, q: {"status": 302, "headers": {"Location": away}}) as s:
            r = pull(s.url, "--name", "t:1", "--sha256", SUM, "--token-file", token)
            ok(r.status == 0 and all(q.headers.get("Authorization") == "Bearer s3cret" for q in s.requests), "the token goes to its host", r)
            ok(thief.requests and not any(q.headers.get("Authorization") for q in thief.requests), "and does not follow a redirect")
            fresh()
            thief.requests.clear()
            r = pull(s.url.replace("http://", "http://anna:geheim@"), "--name", "t:1", "--sha256", SUM)
            ok(r.status == 0 and s.requests[-1].headers.get("Authorization", "").startswith("Basic "), "nor does a password", r)
            ok(thief.requests and not any(q.headers.get("Authorization") for q in thief.requests), "nor does a password, there")
            text = open(os.path.join(HOME, "manifests/t/1.json")).read() + r.out + r.err
            ok("geheim" not in text and "anna" not in text, "it is neither kept nor shown")


def transport():
    """TLS with a CA of one's own; proxies."""
    key, cert = os.path.join(WORK, "key.pem"), os.path.join(WORK, "cert.pem")
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                           cert, "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], capture_output=True)
    if made.returncode:
        skip("TLS", "no openssl program")
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    fresh()
    with FaultServer(FILE, tls=context) as s:
        r = pull(s.url, "--name", "t:1", "--sha256", SUM)
        ok(r.status == 10 and "cannot be trusted" in r.err and not s.requests, "a certificate nobody vouches for is refused", r)
        r = pull(s.url, "--name", "t:1", "--sha256", SUM, "--ca", cert)
        ok(r.status == 0 and stored(FILE), "--ca trusts it", r)
        fresh()
        r = pull(s.url, "--name", "t:1", "--sha256", SUM, env={"SSL_CERT_FILE": cert})
        ok(r.status == 0 and stored(FILE), "so does SSL_CERT_FILE", r)
        fresh()
        s.behave = lambda n, q: {"status": 302, "headers": {"Location": "http://127.0.0.1:1/model.gguf"}}
        r = pull(s.url, "--name", "t:1", "--sha256", SUM, "--ca", cert)
        ok(r.status == 10 and "does not follow" in r.err, "from TLS no redirect leads into the clear", r)
    fresh()
    with FaultServer(FILE) as proxy:  # a proxy is asked for the whole address
        r = pull("http://far.invalid/model.gguf", "--name", "t:1", "--sha256", SUM, "--proxy", f"http://127.0.0.1:{proxy.port}")
        ok(r.status == 0 and proxy.requests[0].path == "http://far.invalid/model.gguf", "--proxy", r)
        fresh()
        r = pull("http://far.invalid/model.gguf", "--name", "t:1", "--sha256", SUM, env={"http_proxy": f"http://127.0.0.1:{proxy.port}"})
        ok(r.status == 0 and stored(FILE), "http_proxy", r)


def disks():
    """A full disk and a store that cannot be written: one sentence, nothing half."""
    fresh()
    small = os.path.join(WORK, "small")
    os.makedirs(small)
    if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small], capture_output=True).returncode == 0:
        with FaultServer(FILE) as s:
            r = pull(s.url, "--name", "t:1", "--sha256", SUM, env={"MOAT_HOME": small})
            ok(r.status == 11 and "MiB left" in r.err and s.sent < 5 * MIB, "a disk that is too small is noticed first", r)
            left = [f for _, _, files in os.walk(small) for f in files]
            ok(not any(f.startswith("sha256-") and not f.endswith((".data", ".journal")) for f in left), "and keeps no blob", left)
            subprocess.run(["mount", "-o", "remount,ro", small], check=True)
            r = pull(s.url, "--name", "t:1", "--sha256", SUM, env={"MOAT_HOME": small})
            ok(r.status == 11 and "cannot write" in r.err or "Read-only" in r.err, "a store that cannot be written", r)
        subprocess.run(["umount", small], check=True)
    else:
        skip("small disks", "mounting needs root")


def usage():
    for args, words in [((), "an argument is missing"), (("ftp://x/y.gguf",), "is no address"), (("http://x/", ), "needs --name"),
                        (("http://x/y.gguf", "--sha256", "12"), "not a SHA-256"), (("http://x/y.gguf", "--tree", "12"), "64 hexadecimal"),
                        (("http://x/y.gguf", "--mirror", "no"), "--mirror no"), (("http://x/y.gguf", "--connections", "99"), "out of range"),
                        (("http://:80/y.gguf", ), "no address")]:
        r = pull(*args)
        ok(r.status == 2 and words in r.err and r.out == "", f"moat pull {' '.join(args)}: {words}", r)


sound()
faults()
versions()
killed(8)
interrupted()
limits()
secrets()
transport()
disks()
usage()
cleanup()
done()
