# SPDX-License-Identifier: Apache-2.0
"""Recorded machines (tests/data/machines/NAME.root) as folders for moat doctor --root."""
import os

from tap import DATA


def unpack(name, folder):
    """The file is lines "== PATH", then the text of that file; "-> PATH TARGET" is a symbolic link."""
    out = None
    with open(os.path.join(DATA, "machines", name + ".root")) as f:
        for line in f:
            if line.startswith("== "):
                path = os.path.join(folder, line[3:].rstrip("\n"))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                out = open(path, "w")
            elif line.startswith("-> "):
                path, target = line[3:].split()
                path = os.path.join(folder, path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.symlink(target, path)
            elif out:
                out.write(line)
                out.flush()
    return folder
