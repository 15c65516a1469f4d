"""A small WinRM service on loopback: HTTP/1.1, logins of foreign libraries, sealed bodies cut by our reading of
[MS-WSMV] 2.2.9.1 and opened by theirs.

Prints `ready http://127.0.0.1:PORT` (or https) and serves until its standard input ends.

A login belongs to its connection; its legs are POSTs without a body. After it, on http, only bodies that are sealed
exactly as Windows lays them out are answered:

    401          no login, or one that was refused (the reason goes to standard error)
    400          a body in a leg of the login, or a sealed body that is laid out otherwise
    411          a body without Content-Length
    415          a sealed body where none belongs, or with the protocol of another scheme
    500, empty   a body in clear, or one that does not open; the latter closes the connection, as its keys are lost

Over TLS bodies are in clear and the login has to be bound to the certificate. NTLM refuses a login without bindings;
MIT's Kerberos refuses wrong ones only.
"""

import argparse
import base64
import datetime
import hashlib
import ipaddress
import os
import re
import socketserver
import ssl
import struct
import sys
import tempfile
import threading

from acceptor import acceptor

# Which mode takes a token, by the scheme and whether the token is bare NTLM.
TAKES = {
    "ntlm": ("Negotiate", True),
    "gss-ntlm": ("Negotiate", True),
    "negotiate-ntlm": ("Negotiate", False),
    "negotiate-kerberos": ("Negotiate", False),
    "gss-negotiate": ("Negotiate", False),
    "kerberos": ("Kerberos", False),
    "basic": ("Basic", False),
}
PROTOCOLS = {
    "Negotiate": b"application/HTTP-SPNEGO-session-encrypted",
    "Kerberos": b"application/HTTP-Kerberos-session-encrypted",
}
SOAP = "application/soap+xml;charset=UTF-8"
LAYOUT = re.compile(
    rb"--Encrypted Boundary\r\n"
    rb"\tContent-Type: (?P<protocol>[^\r\n]+)\r\n"
    rb"\tOriginalContent: type=application/soap\+xml;charset=UTF-8;Length=(?P<length>[0-9]+)\r\n"
    rb"--Encrypted Boundary\r\n"
    rb"\tContent-Type: application/octet-stream\r\n"
)
END = b"--Encrypted Boundary--\r\n"
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    411: "Length Required",
    415: "Unsupported Media Type",
    500: "Internal Server Error",
}
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CERTIFICATES = ["rsa-sha256", "rsa-sha384", "rsa-pss-sha512", "ecdsa-sha256", "ecdsa-sha384"]


class Refused(Exception):
    """A request that is answered with a bare status."""

    def __init__(self, status, why, last=False):
        super().__init__(why)
        self.status = status
        self.last = last


class Connection(socketserver.StreamRequestHandler):
    """One connection: its login, with the keys, and the number of its requests."""

    disable_nagle_algorithm = True

    def setup(self):
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.scheme = self.mode = self.login = None
        self.requests = 0
        self.connection_number = self.server.count()

    def handle(self):
        open_ = True
        while open_ and (head := self.read_head()):
            open_ = self.exchange(head)

    def exchange(self, head):
        try:
            self.answer(head, self.read_body(head))
        except Refused as refusal:
            print(f"{refusal.status}: {refusal}", file=sys.stderr)
            offers = self.server.schemes if refusal.status == 401 else []
            self.write(refusal.status, [("WWW-Authenticate", offer) for offer in offers])
            return not refusal.last
        return head.get("connection", "").lower() != "close"

    def read_head(self):
        if not self.rfile.readline(65537):
            return None
        head = {}
        while line := self.rfile.readline(65537).rstrip(b"\r\n").decode("latin-1"):
            name, _, value = line.partition(":")
            head[name.strip().lower()] = value.strip()
        return head

    def read_body(self, head):
        if "transfer-encoding" in head or "content-length" not in head:
            raise Refused(411, "no Content-Length", last=True)
        return self.rfile.read(int(head["content-length"]))

    def answer(self, head, body):
        scheme, _, token = head.get("authorization", "").partition(" ")
        if scheme == "Basic":
            if "basic" not in self.server.accepts or base64.b64decode(token) != self.server.basic:
                raise Refused(401, "Basic credentials refused")
            self.mode = "basic"
        elif scheme:
            return self.leg(scheme, base64.b64decode(token, validate=True), body)
        elif self.login is None or not self.login.complete:
            raise Refused(401, "not logged in")
        self.converse(head.get("content-type", ""), body)

    def leg(self, scheme, token, body):
        if body:
            raise Refused(400, "a leg of the login has a body")
        if self.login is None or self.login.complete:
            self.begin(scheme, token)
        try:
            answer = self.login.step(token) or b""
            complete = self.login.complete  # GSSAPI's errors may wait until here
        except Exception as error:  # whatever it is, it is no login
            self.login = None
            raise Refused(401, f"{self.mode}: {type(error).__name__}: {error}") from error
        value = f"{scheme} {base64.b64encode(answer).decode()}"
        headers = [("WWW-Authenticate", value)] if answer else []
        self.write(200 if complete else 401, headers)

    def begin(self, scheme, token):
        taken = (scheme, token.startswith(b"NTLMSSP\0"))
        modes = [mode for mode in self.server.accepts if TAKES[mode] == taken]
        if not modes:
            raise Refused(401, f"nothing here accepts this {scheme} token")
        self.scheme, self.mode = scheme, modes[0]
        self.login = acceptor(self.mode, self.server.host, self.server.bindings)

    def converse(self, content_type, body):
        sealed = content_type.startswith("multipart/encrypted")
        if sealed and (self.server.tls or self.mode == "basic"):
            raise Refused(415, "a sealed body where none belongs")
        if not sealed and not self.server.tls and not (self.mode == "basic" and self.server.allow_cleartext):
            raise Refused(500, "a body in clear")
        plain = self.open(content_type, body) if sealed else body
        self.requests += 1
        status, reply = self.server.reply(self, plain)
        if not sealed:
            return self.write(status, [("Content-Type", SOAP)], reply)
        protocol = PROTOCOLS[self.scheme].decode()
        content_type = f'multipart/encrypted;protocol="{protocol}";boundary="Encrypted Boundary"'
        self.write(status, [("Content-Type", content_type)], self.seal(reply))

    def open(self, content_type, body):
        protocol = PROTOCOLS[self.scheme]
        expected = f'multipart/encrypted;protocol="{protocol.decode()}";boundary="Encrypted Boundary"'
        layout = LAYOUT.match(body)
        if content_type != expected:
            raise Refused(415, f"content type {content_type}")
        if not layout or not body.endswith(END) or layout["protocol"] != protocol:
            raise Refused(400, f"laid out otherwise: {body[:300]}")
        content = body[layout.end() : -len(END)]
        (length,) = struct.unpack("<I", content[:4])
        token, cipher = content[4 : 4 + length], content[4 + length :]
        if len(cipher) != int(layout["length"]):
            raise Refused(400, f"{len(cipher)} bytes where {int(layout['length'])} are declared")
        try:
            return self.login.unwrap(token, cipher)
        except Exception as error:  # whatever it is, the seal does not hold
            raise Refused(500, f"{type(error).__name__}: {error}", last=True) from error

    def seal(self, plain):
        protocol = PROTOCOLS[self.scheme]
        token, cipher = self.login.wrap(plain)
        return b"".join(
            [
                b"--Encrypted Boundary\r\n",
                b"\tContent-Type: " + protocol + b"\r\n",
                b"\tOriginalContent: type=" + SOAP.encode() + b";Length=%d\r\n" % len(cipher),
                b"--Encrypted Boundary\r\n",
                b"\tContent-Type: application/octet-stream\r\n",
                struct.pack("<I", len(token)) + token,
                cipher,
                END,
            ]
        )

    def write(self, status, headers, body=b""):
        headers = [("Server", "Microsoft-HTTPAPI/2.0"), *headers, ("Content-Length", str(len(body)))]
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self.wfile.write(f"HTTP/1.1 {status} {REASONS[status]}\r\n{head}\r\n".encode() + body)


class Server(socketserver.ThreadingTCPServer):
    """What all connections share."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, options):
        super().__init__(("127.0.0.1", 0), Connection)
        self.host = options.host
        self.accepts = options.accept
        self.schemes = list(dict.fromkeys(TAKES[mode][0] for mode in options.accept))
        self.schemes = ['Basic realm="WSMAN"' if scheme == "Basic" else scheme for scheme in self.schemes]
        self.basic = options.basic.encode()
        self.allow_cleartext = options.allow_cleartext
        self.kind, _, self.size = options.answer.partition(":")
        self.tls = self.bindings = None
        if options.tls:
            self.tls, self.bindings = channel(options)
        self.connections = 0
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def count(self):
        with self.lock:
            self.connections += 1
            return self.connections

    def handle_error(self, request, client_address):
        print(f"connection lost: {sys.exc_info()[1]!r}", file=sys.stderr)

    def reply(self, connection, plain):
        if self.kind == "fault":
            return 500, envelope(FAULT)
        if self.kind == "size":
            return 200, padded(int(self.size))
        return 200, envelope(
            f'<echo xmlns="urn:echo" mode="{connection.mode}" connections="{self.connections}"'
            f' connection="{connection.connection_number}" request="{connection.requests}"'
            f' sha256="{hashlib.sha256(plain).hexdigest()}"/>'
        )


FAULT = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:AccessDenied</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en-US">Access is denied. </s:Text></s:Reason><s:Detail>'
    '<f:WSManFault Code="5" Machine="hv01.lab.test"><f:Message>Access is denied. </f:Message></f:WSManFault>'
    "</s:Detail></s:Fault>"
)
HEAD = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" '
    'xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"><s:Header/><s:Body>'
)


def envelope(body):
    return f"{HEAD}{body}</s:Body></s:Envelope>".encode()


def padded(size):
    """An envelope of that many bytes; never less than an empty one has."""
    missing = max(0, size - len(envelope("<padding></padding>")))
    return envelope(f"<padding>{'x' * missing}</padding>")


def channel(options):
    """A certificate that is made now, and the application data of the bindings to it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    family, _, digest = options.tls.rpartition("-")
    algorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[digest]
    pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.DIGEST_LENGTH) if family == "rsa-pss" else None
    key = ec.generate_private_key(ec.SECP256R1()) if family == "ecdsa" else rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, options.host)])
    names = [x509.DNSName(options.host), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, algorithm, rsa_padding=pss)
    )
    text = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(options.certificate, "wb") as file:
        file.write(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    if options.tls_version:
        context.minimum_version = context.maximum_version = VERSIONS[options.tls_version]
    with tempfile.NamedTemporaryFile() as file:
        file.write(text + secret)
        file.flush()
        context.load_cert_chain(file.name)
    if options.bindings == "none":
        return context, None
    hashed = os.urandom(32) if options.bindings == "wrong" else certificate.fingerprint(algorithm)
    return context, b"tls-server-end-point:" + hashed


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--accept",
        action="append",
        choices=TAKES,
        help="a login to accept, as in acceptor.py; may be repeated, the order is that of the offers (default: ntlm)",
    )
    parser.add_argument("--host", default="hv01.lab.test", help="the name of this service (default: %(default)s)")
    parser.add_argument("--basic", default="mia:password", help="what Basic has to bring (default: %(default)s)")
    parser.add_argument("--allow-cleartext", action="store_true", help="let Basic bring bodies in clear on http")
    parser.add_argument(
        "--answer",
        default="echo",
        help="echo: an envelope with the mode of the login, the connections so far, this connection's number, this "
        "request's number on it and the SHA-256 of the request in clear; size:N: an envelope of N bytes; fault: "
        "status 500 and a SOAP fault (default: %(default)s)",
    )
    parser.add_argument("--tls", choices=CERTIFICATES, help="speak TLS with a new certificate of that kind")
    parser.add_argument("--tls-version", choices=VERSIONS, help="speak this version only (default: both)")
    parser.add_argument("--certificate", help="where to write the certificate as PEM, needed with --tls")
    parser.add_argument(
        "--bindings",
        default="right",
        choices=["right", "wrong", "none"],
        help="which channel bindings a login over TLS is held against (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    options.accept = options.accept or ["ntlm"]
    if options.tls and not options.certificate:
        parser.error("--tls needs --certificate")
    return options


if __name__ == "__main__":
    server = Server(parse(sys.argv[1:]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", server.url, flush=True)
    sys.stdin.buffer.read()
