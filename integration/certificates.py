"""An authority and the certificates that it signs, by the openssl command, as docs/operations.md has it."""
import datetime
import pathlib
import subprocess


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr.decode()


class Authority:
    def __init__(self, base, name="nodes"):
        self.base = pathlib.Path(base)
        self.base.mkdir(parents=True, exist_ok=True)
        self.key, self.certificate = self.base / "ca-key.pem", self.base / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30, "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.certificate)

    def sign(self, number, name=None, names="IP:127.0.0.1", days=(0, 30), password=None):
        """The file for `ssl.keystore.location` of node `number`: its key, then its certificate, valid from so many days on, to so many."""
        own = self.base / f"node-{number}"
        key, request, certificate, extensions = (own.with_suffix(end) for end in (".key", ".csr", ".crt", ".ext"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *(["-passout", f"pass:{password}"] if password else ["-nodes"]),
                "-subj", f"/CN={name or f'node-{number}'}", "-keyout", key, "-out", request)
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n")
        serial = ["-CAcreateserial"]
        if days[1] > 0 and days[0] == 0:
            openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, *serial, "-days", days[1], "-extfile", extensions, "-out", certificate)
        else:
            self._sign_for_times(request, certificate, extensions, days)
        kept = own.with_suffix(".pem")
        kept.write_text(key.read_text() + certificate.read_text())
        return kept

    def _sign_for_times(self, request, certificate, extensions, days):
        """`openssl x509` knows no dates of its own; `openssl ca` does."""
        at = lambda offset: (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=offset)).strftime("%Y%m%d%H%M%SZ")
        (self.base / "index.txt").write_text("")
        (self.base / "serial").write_text("1000\n")
        config = self.base / "ca.conf"
        config.write_text(f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.base}/index.txt\nserial={self.base}/serial\nnew_certs_dir={self.base}\n"
                          "default_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.certificate, "-keyfile", self.key, "-in", request, "-out", certificate,
                "-extfile", extensions, "-startdate", at(days[0]), "-enddate", at(days[1]))
