# SPDX-License-Identifier: Apache-2.0
"""Signatures of models as the OpenSSF has them (guard/oms), made by the openssl program. Standard library only."""
import base64
import hashlib
import json
import os
import subprocess

from certs import openssl

CURVES = {"P-256": "sha256", "P-384": "sha384", "P-521": "sha512"}
MEDIA = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
GIT = [".git", ".gitignore", ".gitattributes", ".github"]


def b64(data):
    return base64.b64encode(data).decode()


class Key:
    """Key(folder, "maker", "P-384"): maker.key and maker.pub in the folder, PEM."""

    def __init__(self, folder, name, curve="P-384"):
        self.key, self.pub, self.digest = os.path.join(folder, name + ".key"), os.path.join(folder, name + ".pub"), CURVES.get(curve, "sha256")
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", self.key)
        openssl("pkey", "-in", self.key, "-pubout", "-out", self.pub)

    def sign(self, data):
        return subprocess.run(["openssl", "dgst", "-" + self.digest, "-sign", self.key], input=data, check=True, capture_output=True).stdout

    @property
    def hint(self):
        with open(self.pub, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()


class Issuer:
    """A certificate: of its own (by None), or by another one. extensions: lines of openssl's configuration."""

    def __init__(self, folder, name, by=None, extensions=("basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign"), days=("-days", "30"), curve="P-384"):
        self.key, self.by = Key(folder, name, curve), by
        self.pem, csr, ext = (os.path.join(folder, name + end) for end in (".pem", ".csr", ".ext"))
        with open(ext, "w") as f:
            f.write("\n".join(extensions) + "\n")
        openssl("req", "-new", "-key", self.key.key, "-subj", f"/O=Test/CN={name}", "-out", csr)
        how = ("-CA", by.pem, "-CAkey", by.key.key, "-CAcreateserial") if by else ("-signkey", self.key.key)
        openssl("x509", "-req", "-in", csr, *how, *days, "-extfile", ext, "-out", self.pem)

    @property
    def der(self):
        with open(self.pem) as f:
            return base64.b64decode("".join(line for line in f if "-----" not in line))

    def chain(self):
        """Up to the root, which stays out."""
        return [self.der] + (self.by.chain() if self.by and self.by.by else [])


def resources(folder, names, hash_type="sha256", shard=None):
    out = []
    for name in sorted(names):
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        new = {"sha256": hashlib.sha256, "blake2b": hashlib.blake2b}[hash_type]
        if shard:
            out += [{"name": f"{name}:{at}:{min(at + shard, len(data))}", "algorithm": hash_type, "digest": new(data[at:at + shard]).hexdigest()}
                    for at in range(0, len(data), shard)]
        else:
            out.append({"name": name, "algorithm": hash_type, "digest": new(data).hexdigest()})
    return out


def statement(files, hash_type="sha256", shard=None, links=False, ignore=GIT):
    how = {"method": "shards" if shard else "files", "hash_type": hash_type, "allow_symlinks": links}
    if ignore is not None:
        how["ignore_paths"] = ignore
    if shard:
        how["shard_size"] = shard
    root = hashlib.sha256(b"".join(bytes.fromhex(f["digest"]) for f in files)).hexdigest()
    return {"_type": STATEMENT, "subject": [{"name": "model", "digest": {"sha256": root}}], "predicateType": PREDICATE,
            "predicate": {"resources": files, "serialization": how}}


def bundle(what, key, chain=None, payload_type=PAYLOAD):
    """what: a statement, or bytes. Signed with a key; chain: DER certificates that go with it."""
    payload = what if isinstance(what, bytes) else json.dumps(what, indent=2).encode()
    sig = key.sign(b"DSSEv1 %d %s %d " % (len(payload_type), payload_type.encode(), len(payload)) + payload)
    material = {"x509CertificateChain": {"certificates": [{"rawBytes": b64(c)} for c in chain]}} if chain else {"publicKey": {"hint": key.hint}}
    return {"mediaType": MEDIA, "verificationMaterial": {**material, "tlogEntries": []},
            "dsseEnvelope": {"payload": b64(payload), "payloadType": payload_type, "signatures": [{"sig": b64(sig), "keyid": ""}]}}
