# SPDX-License-Identifier: Apache-2.0
"""The hash tree of RFC 6962 over leaves of 1 MiB, and FILE.leaves: written from the RFC, not from the program."""
import hashlib

LEAF = 1 << 20


def leaves(data):
    return [hashlib.sha256(b"\0" + data[i:i + LEAF]).digest() for i in range(0, len(data), LEAF)]


def root(hashes):
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return hashlib.sha256(b"\1" + root(hashes[:k]) + root(hashes[k:])).digest()
