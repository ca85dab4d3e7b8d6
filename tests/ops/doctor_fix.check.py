#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat doctor --fix on the running system: a swap file that the kernel takes, and that is gone after --undo.

In a mount namespace with /etc and /var/lib of its own, so that only the swap itself is the system's, for a moment."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

SCRIPT = """
set -e
mount --bind "$1/etc" /etc
mount --bind "$1/lib" /var/lib
"$2" doctor --fix --only swap --swap 64M --yes
echo == on; cat /proc/swaps; stat -c '%a %s' /var/lib/moat-doctor/swapfile; cat /etc/fstab
"$2" doctor --fix --only swap --swap 64M --yes >/dev/null
echo == twice; grep -c moat-doctor /etc/fstab; grep -c moat-doctor /proc/swaps
"$2" doctor --undo
echo == off; cat /proc/swaps; ls -A /var/lib/moat-doctor; cat /etc/fstab
"""


def main():
    if os.geteuid() != 0 or not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return skip("a swap file, and none", "needs root and mount namespaces")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("etc", "lib"):
            os.mkdir(os.path.join(folder, name))
        file(folder, "etc/fstab", "# ours alone\n")
        p = subprocess.run(["unshare", "-m", "sh", "-c", SCRIPT, "sh", folder, os.path.abspath(MOAT)], capture_output=True, text=True, timeout=60)
        parts = dict(part.split("\n", 1) for part in p.stdout.split("== ")[1:])
        if "swap needs root" in p.stderr or "cannot hold a swap file" in p.stderr:
            ok(not os.listdir(os.path.join(folder, "lib", "moat-doctor"))[1:], "a swap file that is refused leaves nothing but the record")
            return skip("a swap file, and none", p.stderr.strip())
        on, twice, off = (parts.get(k, "") for k in ("on", "twice", "off"))
        ok("/moat-doctor/swapfile" in on and "600 67108864" in on and on.count("swapfile none swap") == 1, "the kernel swaps to a file of the right size, which only root reads", str(parts) + p.stderr)
        ok(twice.split()[:2] == ["1", "1"], "done twice is done once", twice)
        ok(p.returncode == 0 and "moat-doctor" not in off and off.rstrip().endswith("# ours alone"), "afterwards there is nothing", str(parts) + p.stderr)


main()
done()
