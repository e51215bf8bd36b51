# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Certificates for a server of a test, good and bad.

    with certificates() as folder:
        Provider(…, tls=context(folder, "expired"))     # trusted by ca_file = folder/ca.pem
"""
import contextlib
import os
import shutil
import ssl
import subprocess
import tempfile

from tap import Skip


@contextlib.contextmanager
def certificates():
    """A folder with an authority (ca.pem) and certificates for 127.0.0.1 and localhost: good, and each bad in its own way."""
    if not shutil.which("openssl"):
        raise Skip("the openssl program")
    folder = tempfile.mkdtemp(prefix="clawos-tls-")
    os.chmod(folder, 0o755)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    for name, names in (("names", "DNS:localhost,IP:127.0.0.1"), ("other-names", "DNS:other.example")):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test ca")
    openssl("req", "-x509", *key, "-keyout", "self.key", "-out", "self.pem", "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=IP:127.0.0.1")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    for name, names, dates in (("good", "names", ("-days", "2")), ("other", "other-names", ("-days", "2")),
                               ("expired", "names", ("-not_before", "20200101000000Z", "-not_after", "20200201000000Z")),
                               ("future", "names", ("-not_before", "20600101000000Z", "-not_after", "20610101000000Z"))):
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", f"{name}.pem", "-extfile", names, *dates)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def context(folder, name):
    """Of a server that shows this one: good, self, other, expired, future."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(os.path.join(folder, f"{name}.pem"), os.path.join(folder, "self.key" if name == "self" else "server.key"))
    return made
