"""A foreign initiator for one login: pyspnego, spoken to over stdin and stdout.

The frames are those of acceptor.py; here the first one goes out, and D comes in with the acceptor's last token.

usage: initiator.py MODE HOST USER PASSWORD [BINDINGS]
    MODE      one of pyspnego's in acceptor.py
"""

import spnego
from spnego.channel_bindings import GssChannelBindings

from acceptor import MODES, Pyspnego, converse, guarded, read, write


class Initiator(Pyspnego):
    """A login started by pyspnego."""

    def __init__(self, mode, host, user, password, bindings):
        protocol, options = MODES[mode]
        channel = GssChannelBindings(application_data=bytes.fromhex(bindings)) if bindings else None
        self.context = spnego.client(
            user, password, hostname=host, service="HTTP", protocol=protocol, options=options, channel_bindings=channel
        )


def serve(mode, host, user, password, bindings=None):
    login = Initiator(mode, host, user, password, bindings)
    write(b"T", login.step(None) or b"")
    while True:
        frame = read()
        kind, token = frame[:1], frame[1:]
        answer = b""
        if not login.complete:
            answer = login.step(token) or b""
        if kind == b"D":
            break
        write(b"T", answer)
    if not login.complete:
        raise RuntimeError("accepted, but not complete")
    write(b"D", b"")
    converse(login)


if __name__ == "__main__":
    guarded(serve)
