"""A foreign acceptor for one login: pyspnego or a GSSAPI mechanism, spoken to over stdin and stdout.

Every frame is a 4-byte big-endian length and that many bytes. The first byte of a frame says what it is:

    in   T token                             the next token of the login
    in   S length token cipher               a sealed message (the length of the token in 4 bytes)
    out  T token                             more of the login has to come
    out  D token                             the login is finished; the token may be empty
    out  S length token cipher               the message, in reverse, sealed
    out  E text                              an error, after which the process ends

usage: acceptor.py MODE HOST [BINDINGS]
    MODE      ntlm, negotiate-ntlm, kerberos, negotiate-kerberos: pyspnego's own NTLM and SPNEGO, MIT's Kerberos
              gss-ntlm, gss-negotiate: gss-ntlmssp and MIT's SPNEGO
    BINDINGS  application data of the channel bindings, in hexadecimal
"""

import struct
import sys

import gssapi
import spnego
from spnego.channel_bindings import GssChannelBindings

OPTIONS = spnego.NegotiateOptions
MODES = {
    "ntlm": ("ntlm", OPTIONS.use_ntlm),
    "negotiate-ntlm": ("negotiate", OPTIONS.use_negotiate | OPTIONS.use_ntlm),
    "kerberos": ("kerberos", OPTIONS.use_gssapi),
    "negotiate-kerberos": ("negotiate", OPTIONS.use_negotiate),
}
NTLM = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
KERBEROS = gssapi.OID.from_int_seq("1.2.840.113554.1.2.2")
GSS_MODES = {"gss-ntlm": [NTLM], "gss-negotiate": None}


class Gss:
    """A login accepted by the system's GSSAPI, without anything of pyspnego."""

    def __init__(self, mode, application_data):
        channel = None
        if application_data:
            channel = gssapi.raw.ChannelBindings(application_data=application_data)
        credentials = gssapi.Credentials(usage="accept", mechs=GSS_MODES[mode])
        self.context = gssapi.SecurityContext(creds=credentials, usage="accept", channel_bindings=channel)

    @property
    def complete(self):
        return self.context.complete

    def step(self, token):
        return self.context.step(token)

    def unwrap(self, token, cipher):
        return self.context.unwrap(token + cipher).message

    def wrap(self, plain):
        if self.context.mech != KERBEROS:
            sealed = self.context.wrap(plain, True).message
            return sealed[:16], sealed[16:]
        kinds = gssapi.raw.IOVBufferType
        iov = gssapi.raw.IOV(kinds.header, plain, kinds.padding, std_layout=False)
        gssapi.raw.wrap_iov(self.context, iov)
        return iov[0].value, iov[1].value + (iov[2].value or b"")


class Pyspnego:
    """A login accepted by pyspnego."""

    def __init__(self, mode, host, application_data):
        protocol, options = MODES[mode]
        channel = GssChannelBindings(application_data=application_data) if application_data else None
        self.context = spnego.server(
            hostname=host, service="HTTP", protocol=protocol, options=options, channel_bindings=channel
        )

    @property
    def complete(self):
        return self.context.complete

    def step(self, token):
        return self.context.step(token)

    def unwrap(self, token, cipher):
        return self.context.unwrap_winrm(token, cipher)

    def wrap(self, plain):
        sealed = self.context.wrap_winrm(plain)
        return sealed.header, sealed.data


def read():
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        sys.exit(0)
    return sys.stdin.buffer.read(struct.unpack(">I", head)[0])


def write(kind, content):
    sys.stdout.buffer.write(struct.pack(">I", 1 + len(content)) + kind + content)
    sys.stdout.buffer.flush()


def split(content):
    (length,) = struct.unpack(">I", content[:4])
    return content[4 : 4 + length], content[4 + length :]


def acceptor(mode, host, application_data):
    if mode in GSS_MODES:
        return Gss(mode, application_data)
    return Pyspnego(mode, host, application_data)


def serve(mode, host, bindings=None):
    login = acceptor(mode, host, bytes.fromhex(bindings) if bindings else None)
    while not login.complete:
        token = login.step(read()[1:]) or b""
        write(b"D" if login.complete else b"T", token)
    converse(login)


def converse(login):
    while True:
        plain = login.unwrap(*split(read()[1:]))
        token, cipher = login.wrap(plain[::-1])
        write(b"S", struct.pack(">I", len(token)) + token + cipher)


def guarded(serve):
    try:
        serve(*sys.argv[1:])
    except Exception as error:  # whatever it is, the test wants to read it
        write(b"E", f"{type(error).__name__}: {error}".encode())


if __name__ == "__main__":
    guarded(serve)
