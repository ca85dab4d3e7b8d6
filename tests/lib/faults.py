# SPDX-License-Identifier: Apache-2.0
"""Drives faults.so (tests/lib/faults.c): which allocation or call of a program is to fail. Standard library only."""
import errno
import mmap
import os
import struct

from tap import ROOT

LAYOUT = "<4I3Q16s"
ALLOCATION, CALL, FILTER, OPEN = 1, 2, 3, 4
LIBRARY = os.path.join(os.environ.get("MOAT_BUILD", os.path.join(ROOT, "build")), "tests", "faults.so")


def works():
    """Not with AddressSanitizer, which has an allocator of its own."""
    return os.path.exists(LIBRARY) and not os.environ.get("MOAT_SANITIZED")


class Faults:
    """f = Faults(folder, "moat:front"); start a program with env=f.env; f.arm(CALL, 7, errno.EIO); f.n calls were made, f.hits failed.

    role: the name that the process which is meant gives itself, "" for any."""

    def __init__(self, folder, role=""):
        path = os.path.join(folder, "faults")
        with open(path, "wb") as f:
            f.write(bytes(4096))
        os.chmod(path, 0o666)
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 4096)
        self.role = role.encode()
        self.env = {"LD_PRELOAD": LIBRARY, "MOAT_FAULTS": path}
        self.disarm()

    def write(self, armed, nth, once, error, shorten):
        self.map[:struct.calcsize(LAYOUT)] = struct.pack(LAYOUT, 0, once, error, shorten, nth, 0, 0, self.role)
        self.map[:4] = struct.pack("<I", armed)

    def arm(self, kind, nth, error=errno.EIO, once=True, shorten=False):
        """error 0: half of what was asked is done, where that can be."""
        self.write(kind, nth, once, error, shorten or error == 0)

    def disarm(self):
        """(how many there were since arm, how many of them failed)"""
        self.map[:4] = bytes(4)
        found = self.n, self.hits
        self.write(0, 0, 0, 0, 0)
        return found

    def read(self):
        return struct.unpack(LAYOUT, self.map[:struct.calcsize(LAYOUT)])

    @property
    def n(self):
        return self.read()[5]

    @property
    def hits(self):
        return self.read()[6]
