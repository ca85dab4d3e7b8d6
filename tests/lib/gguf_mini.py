# SPDX-License-Identifier: Apache-2.0
"""Reads a small GGUF v3 file into lists, writes it back: for tests that change one thing. Standard library only.

File.kv       list of [key, type, value]; an array's value is (element type, list)
File.tensors  list of Tensor(name, shape, type, data); shape as in the file, fastest dimension first
The writer writes what it is given, however absurd: offsets, counts and sizes follow from the lists unless overridden.
"""
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
FORMAT = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q", I64: "<q", F64: "<d"}
# tensor type: (weights of a block, bytes of a block)
TYPES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
         12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
         21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56),
         30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17)}


class Tensor:
    def __init__(self, name, shape, kind, data):
        self.name, self.shape, self.kind, self.data = name, list(shape), kind, data

    def resize(self, shape):
        """Another shape, its bytes cut or filled with zeros to fit."""
        self.shape = list(shape)
        n = 1
        for s in shape:
            n *= s
        per, size = TYPES[self.kind]
        need = -(-n // per) * size
        self.data = self.data[:need] + bytes(max(0, need - len(self.data)))


class File:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.b = f.read()
        self.at = 4
        self.version, n_tensors, n_kv = self.take("<I"), self.take("<Q"), self.take("<Q")
        self.kv = []
        for _ in range(n_kv):
            key, kind = self.string(), self.take("<I")
            self.kv.append([key, kind, self.value(kind)])
        infos = []
        for _ in range(n_tensors):
            name = self.string()
            shape = [self.take("<Q") for _ in range(self.take("<I"))]
            infos.append((name, shape, self.take("<I"), self.take("<Q")))
        align = self.get("general.alignment", 32)
        start = -(-self.at // align) * align
        self.tensors = []
        for name, shape, kind, offset in infos:
            t = Tensor(name, shape, kind, b"")
            t.resize(shape)
            t.data = self.b[start + offset:start + offset + len(t.data)]
            self.tensors.append(t)

    def take(self, form):
        value = struct.unpack_from(form, self.b, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def string(self):
        n = self.take("<Q")
        self.at += n
        return self.b[self.at - n:self.at].decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == STR:
            return self.string()
        if kind == ARR:
            elem, n = self.take("<I"), self.take("<Q")
            return elem, [self.value(elem) for _ in range(n)]
        return self.take(FORMAT[kind])

    # --- changing -----------------------------------------------------------------------------

    def get(self, key, default=None):
        return next((v for k, _, v in self.kv if k == key), default)

    def set(self, key, kind, value):
        """Replaces the key where it is, else adds it."""
        for row in self.kv:
            if row[0] == key:
                row[1:] = [kind, value]
                return self
        self.kv.append([key, kind, value])
        return self

    def drop(self, key):
        assert self.get(key) is not None, key
        self.kv = [row for row in self.kv if row[0] != key]
        return self

    def tensor(self, name):
        return next(t for t in self.tensors if t.name == name)

    def drop_tensor(self, name):
        self.tensors.remove(self.tensor(name))
        return self

    # --- writing ------------------------------------------------------------------------------

    def bytes(self):
        out = bytearray(b"GGUF" + struct.pack("<IQQ", self.version, len(self.tensors), len(self.kv)))
        for key, kind, value in self.kv:
            out += pack_string(key) + struct.pack("<I", kind) + pack_value(kind, value)
        offset = 0
        for t in self.tensors:
            out += pack_string(t.name) + struct.pack("<I", len(t.shape)) + b"".join(struct.pack("<Q", n) for n in t.shape)
            out += struct.pack("<IQ", t.kind, offset)
            offset += -(-len(t.data) // 32) * 32
        out += bytes(-len(out) % 32)
        for t in self.tensors:
            out += t.data + bytes(-len(t.data) % 32)
        return bytes(out)

    def write(self, path):
        with open(path, "wb") as f:
            f.write(self.bytes())
        return path


def first_layer(path, out):
    """A model's first layer with all that is outside of the layers: its vocabulary and template at a fraction of the time."""
    f = File(path)
    f.set(f.get("general.architecture") + ".block_count", U32, 1)
    f.tensors = [t for t in f.tensors if not t.name.startswith("blk.") or t.name.startswith("blk.0.")]
    return f.write(out)


def pack_string(s):
    b = s.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(b)) + b


def pack_value(kind, value):
    if kind == STR:
        return pack_string(value)
    if kind == ARR:
        elem, values = value
        return struct.pack("<IQ", elem, len(values)) + b"".join(pack_value(elem, v) for v in values)
    return struct.pack(FORMAT[kind], value)
