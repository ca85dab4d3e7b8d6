# SPDX-License-Identifier: Apache-2.0
"""Certificates of a test's own authorities, made by the openssl program. Standard library only."""
import os
import ssl
import subprocess

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def openssl(*words):
    return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout.decode()


class Authority:
    """ca = Authority(folder, "ca"); ca.certificate("server", names="DNS:localhost,IP:127.0.0.1"): NAME.pem and NAME.key in the folder."""

    def __init__(self, folder, name, days="2"):
        self.folder, self.name = folder, name
        openssl("req", "-x509", *EC, "-nodes", "-days", days, "-subj", f"/CN={name}", "-keyout", self.at(name + ".key"), "-out", self.at(name + ".pem"))

    def at(self, name):
        return os.path.join(self.folder, name)

    @property
    def pem(self):
        return self.at(self.name + ".pem")

    def certificate(self, name, subject=None, names=None, days="2", usage=None, kind=EC):
        openssl("req", "-new", *kind, "-nodes", "-utf8", "-subj", subject or f"/CN={name}", "-keyout", self.at(name + ".key"), "-out", self.at(name + ".csr"))
        with open(self.at(name + ".ext"), "w") as f:
            f.write("basicConstraints=CA:FALSE\n" + (f"subjectAltName={names}\n" if names else "") + (f"extendedKeyUsage={usage}\n" if usage else ""))
        openssl("x509", "-req", "-in", self.at(name + ".csr"), "-CA", self.pem, "-CAkey", self.at(self.name + ".key"), "-CAcreateserial", "-days", days,
                "-extfile", self.at(name + ".ext"), "-out", self.at(name + ".pem"))
        os.chmod(self.at(name + ".key"), 0o600)
        return self.pair(name)

    def pair(self, name):
        """As options of a server."""
        return ("--tls-certificate", self.at(name + ".pem"), "--tls-key", self.at(name + ".key"))

    def context(self, client=None):
        """For a client that knows this authority, and shows the certificate `client` or none."""
        c = ssl.create_default_context(cafile=self.pem)
        if client:
            c.load_cert_chain(self.at(client + ".pem"), self.at(client + ".key"))
        return c

    def subject(self, name):
        """As moat key add --subject takes it."""
        return openssl("x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", self.at(name + ".pem")).strip().split("=", 1)[1].strip()
