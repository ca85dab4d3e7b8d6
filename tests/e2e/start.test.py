#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""24 configurations of a server: those that are safe start; each unsafe one does not, and says why and what to do."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
from certs import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2) or not shutil.which("openssl"):
    skip("start", f"{SMOLLM2} or openssl is not there: scripts/fetch-model --tests and scripts/setup test bring them")
    done()
FOLDER = tempfile.TemporaryDirectory()
AT = FOLDER.name
ca = Authority(AT, "ca")
ca.certificate("server", names="DNS:localhost,IP:127.0.0.1")
ca.certificate("other")
ca.certificate("old", days="-1")
openssl("ec", "-in", ca.at("server.key"), "-aes256", "-passout", "pass:word", "-out", ca.at("locked.key"))
os.chmod(ca.at("locked.key"), 0o600)
shutil.copy(ca.at("server.key"), ca.at("open.key"))
os.chmod(ca.at("open.key"), 0o644)


def store(name, *keys, mode=None, text=None):
    home = os.path.join(AT, "store-" + name)
    os.makedirs(home, mode=0o700)
    for options in keys:
        r = moat("key", "add", *options, env={"MOAT_HOME": home})
        if r.status:
            raise SystemExit(str(r))
    path = os.path.join(home, "keys.json")
    if text is not None:
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o600)
    if mode:
        os.chmod(path, mode)
    return home


def tls(certificate="server", key=None, **more):
    return dict({"tls_certificate": ca.at(certificate + ".pem"), "tls_key": ca.at((key or certificate) + ".key")}, **more)


NO_KEYS, KEYS = store("none"), store("some", ("anna",))
BRIEF = store("brief", ("anna", "--expires", "1s"))
LOOSE = store("loose", ("anna",), mode=0o666)
BROKEN = store("broken", text='{"keys": [')
FUTURE = store("future", text='{"keys": [{"id": "ABCDEFGH", "name": "a", "sha256": "%s", "only_on_monday": true}]}' % ("0" * 64))
HERE, SECURE, ALL = "127.0.0.1:0", "https://127.0.0.1:0", "0.0.0.0:0"
# what it is, the store, the configuration, exit status (None: it starts), words of the message
TABLE = [
    ("loopback, no keys", NO_KEYS, {"listen": HERE}, None, None),
    ("IPv6 loopback, no keys", NO_KEYS, {"listen": "[::1]:0"}, None, None),
    ("a Unix socket", NO_KEYS, {"listen": "unix:" + os.path.join(AT, "s")}, None, None),
    ("loopback that asks for keys", KEYS, {"listen": HERE, "require_key": True}, None, None),
    ("TLS at loopback, with keys", KEYS, tls(listen=SECURE), None, None),
    ("every address, TLS, keys", KEYS, tls(listen=ALL), None, None),
    ("every address, TLS, keys, certificates of clients", KEYS, tls(listen=ALL, tls_client_ca=ca.pem, require_client_certificate=True), None, None),
    ("names and origins that are named", KEYS, {"listen": HERE, "allow_host": ["moat.lan"], "allow_origin": ["https://chat.example.org"]}, None, None),
    ("every address in plain text", KEYS, {"listen": ALL}, 8, "TLS"),
    ("every address in plain text, said so", KEYS, {"listen": "http://0.0.0.0:0"}, 8, "http://"),
    ("every IPv6 address in plain text, beside loopback", KEYS, {"listen": [HERE, "[::]:0"]}, 8, "TLS"),
    ("every address, TLS, no keys", NO_KEYS, tls(listen=ALL), 8, "moat key add"),
    ("TLS, all keys expired", BRIEF, tls(listen=SECURE), 8, "expired"),
    ("keys asked for and none there", NO_KEYS, {"listen": HERE, "require_key": True}, 8, "moat key add"),
    ("a list of keys that others can write", LOOSE, tls(listen=SECURE), 8, "keys.json"),
    ("a list of keys that is none", BROKEN, tls(listen=SECURE), 2, "keys.json"),
    ("a limit of a key that is not known", FUTURE, tls(listen=SECURE), 4, "no key"),
    ("a private key that everybody can read", KEYS, tls("server", "open", listen=SECURE), 8, "chmod 600"),
    ("an encrypted private key", KEYS, tls("server", "locked", listen=SECURE), 5, "encrypted"),
    ("the private key of another certificate", KEYS, tls("server", "other", listen=SECURE), 8, "other.key"),
    ("a certificate that has expired", KEYS, tls("old", listen=SECURE), 8, "expired"),
    ("certificates of clients without an authority", KEYS, tls(listen=SECURE, require_client_certificate=True), 2, "tls_client_ca"),
    ("certificates of clients without TLS", KEYS, {"listen": HERE, "tls_client_ca": ca.pem, "require_client_certificate": True}, 2, "TLS"),
    ("an authority that is none", KEYS, tls(listen=SECURE, tls_client_ca=ca.at("server.pem")), 8, "authority"),
    ("every origin", KEYS, {"listen": HERE, "allow_origin": "*"}, 8, "every web page"),
    ("every host", KEYS, {"listen": HERE, "allow_host": "*"}, 8, "rebinding"),
]


def start(home, config):
    """(exit status or None, what it said): until it listens, or ends."""
    path = os.path.join(AT, "config.json")
    with open(path, "w") as f:
        json.dump(config, f)
    env = {k: v for k, v in os.environ.items() if not k.startswith("MOAT_") and k != "XDG_RUNTIME_DIR"}
    with open(os.path.join(AT, "log"), "w+b") as log:
        p = subprocess.Popen([MOAT, "serve", "--model", SMOLLM2, "--context", "512", "--config", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             env=dict(env, MOAT_HOME=home))
        end, said = time.monotonic() + 20, ""
        while time.monotonic() < end and p.poll() is None and said.count('"event":"listening"') < 1:
            time.sleep(0.01)
            said = open(log.name, errors="replace").read()
        status = p.poll()
        if status is None:
            p.terminate()
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        return status, open(log.name, errors="replace").read()


time.sleep(1.1)  # BRIEF
for what, home, config, wanted, words in TABLE:
    status, said = start(home, config)
    if wanted is None:
        ok(status is None and '"event":"listening"' in said, f"starts: {what}", (status, said))
    else:
        message = [line for line in said.splitlines() if line.startswith("moat: ")]
        ok(status == wanted and len(message) == 1 and words in message[0] and "listening" not in said, f"refused: {what}", (status, said))
ok(len(TABLE) >= 24, f"{len(TABLE)} configurations, {sum(row[3] is not None for row in TABLE)} of them unsafe")
done()
