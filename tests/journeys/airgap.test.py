#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From a machine with a network to one with nothing: a bundle on two media, busybox only, no route, and moat answers there."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

BUSYBOX = "/bin/busybox"
# What the site's administrator types, and what is looked at to be sure. The numbers come from the bundle's own first lines.
SITE = r"""
/bin/busybox --install -s /bin
mount -t proc proc /proc
mkdir /dev; mknod -m 666 /dev/null c 1 3
echo "== libraries"; ls /lib /lib64 /usr/lib 2>/dev/null
echo "== routes"; cat /proc/net/route
echo "== sums"; cd /media && sha256sum -c sums && cd /
start=$(cat /media/site.moat.* | head -c 1024 | sed -n 's/.*tail -c +\([0-9]*\) .*/\1/p')
count=$(cat /media/site.moat.* | head -c 1024 | sed -n 's/.*head -c \([0-9]*\) .*/\1/p')
cat /media/site.moat.* | tail -c +$start | head -c $count | tar x -C /opt
echo "== install"; /opt/moat/bin/moat bundle install /media/site.moat --key "$KEY" --to /srv
echo "== list"; /srv/moat/bin/moat list
echo "== run"; /srv/moat/bin/moat run smollm2:135m "What is the capital of France?" --temperature 0 </dev/null
echo "== language"; LANG=zh_CN.UTF-8 /srv/moat/bin/moat run nosuch:model hi </dev/null; echo "exit $?"
echo "== child"; /srv/moat/bin/moat pull http://127.0.0.1:1/m.gguf --name a:b --retries 1; echo "exit $?"
echo "== serve"; ip link set lo up
/srv/moat/bin/moat serve --model smollm2:135m --listen 127.0.0.1:8765 2>/tmp/serve.log &
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do wget -q -O- http://127.0.0.1:8765/health && break; sleep 0.3; done; kill %1
"""


def site(folder):
    """A root with busybox and nothing else."""
    for name in ("bin", "proc", "opt", "srv", "tmp", "media", "root"):
        os.makedirs(os.path.join(folder, name))
    shutil.copy(BUSYBOX, os.path.join(folder, "bin", "busybox"))
    return folder


def parts(text):
    return {p.split("\n", 1)[0]: p.split("\n", 1)[1] for p in text.split("== ")[1:]}


def reasons():
    if not os.path.exists(os.path.join(MODELS, "smollm2.gguf")):
        return "the model is not here"
    if not os.path.exists(BUSYBOX):
        return "busybox is not installed: scripts/setup test"
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "-n", "-p", "--fork", "true"], capture_output=True).returncode:
        return "needs root and namespaces"
    if os.environ.get("MOAT_SANITIZED"):
        return "a sanitizer does not start through the loader's path"
    return None


def main():
    why = reasons()
    if why:
        return skip("a site without a network", why)
    with tempfile.TemporaryDirectory() as work:
        home = {"MOAT_HOME": os.path.join(work, "home")}
        media = os.path.join(site(os.path.join(work, "root")), "media")
        secret = os.path.join(work, "anna")
        ok(moat("sign", "new", secret, "--name", "anna").status == 0, "a key")
        ok(moat("import", os.path.join(MODELS, "smollm2.gguf"), "--name", "smollm2:135m", env=home).status == 0, "a model")
        made = moat("bundle", "create", os.path.join(media, "site.moat"), "--sign", secret, "--model", "smollm2:135m", "--licence", os.path.join(ROOT, "LICENSE"),
                    "--split", "100M", env=home)
        ok(made.status == 0 and sorted(os.listdir(media)) == ["site.moat.001", "site.moat.002"], "a bundle on two media", made)
        file(media, "sums", made.out.replace(media + "/", ""))
        with open(secret + ".pub") as f:
            key = f.read().strip()
        p = subprocess.run(["unshare", "-m", "-n", "-p", "--fork", "chroot", os.path.join(work, "root"), "/bin/busybox", "sh", "-c", SITE], capture_output=True,
                           text=True, timeout=120, env={"PATH": "/bin:/usr/sbin:/usr/bin:/sbin", "HOME": "/root", "KEY": key})
        said = parts(p.stdout)
        ok(said.get("libraries", "x").strip() == "" and len(said.get("routes", "").splitlines()) <= 1, "the site has no library and no route", p.stdout)
        ok(said.get("sums", "").count(": OK") == 2, "the media are what was sent", said.get("sums"))
        ok("smollm2:135m is installed" in said.get("install", "") and "program: /srv/moat/bin/moat" in said.get("install", ""), "installed by what is in it", p.stdout + p.stderr)
        ok("smollm2:135m" in said.get("list", ""), "the model has its name", said.get("list"))
        ok("Paris" in said.get("run", ""), "moat run answers there", said.get("run", "") + p.stderr)
        ok("exit 3" in said.get("language", "") and "没有" in p.stderr, "in Chinese too", p.stderr)
        ok("exit 10" in said.get("child", ""), "a role of its own starts there: no network, and says so", said.get("child", "") + p.stderr)
        ok('"ok"' in said.get("serve", ""), "moat serve is ready there", said.get("serve", "") + p.stderr)


main()
done()
