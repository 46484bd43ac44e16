"""Whom a run must not reach: ports, sockets with and without a name, other families."""

from __future__ import annotations

from tests.hostile.programs.program import Program

NETWORK = [
    Program("loopback", 'return worked(lambda: socket.create_connection(("127.0.0.1", int(p["tcp"])), 1))'),
    Program("loopback, IPv6", 'return worked(lambda: socket.create_connection(("::1", int(p["tcp"])), 1))'),
    Program(
        "datagrams",
        """
worked(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(p["udp"]))))
return False  # into a network of its own it may be sent; the prey says whether it has come
""",
    ),
    Program("the internet", 's = socket.socket\nreturn worked(lambda: s().connect(("1.1.1.1", 53)))'),
    Program("names", 'try:\n    return socket.getaddrinfo("example.org", 80)\nexcept OSError:\n    return False'),
    Program(
        "a server",
        """
s = socket.socket
def serve():
    with s() as one:
        one.bind(("0.0.0.0", 0)); one.listen()
        socket.create_connection(("127.0.0.1", one.getsockname()[1]), 1)
return worked(serve) and worked(lambda: socket.create_connection(("127.0.0.1", int(p["tcp"])), 1))
""",
    ),
    Program(
        "abstract socket", 's = socket.socket\nreturn worked(lambda: s(socket.AF_UNIX).connect("\\0" + p["abstract"]))'
    ),
    Program("named socket", 's = socket.socket\nreturn worked(lambda: s(socket.AF_UNIX).connect(p["socket"]))'),
    Program(
        "odd families",
        """
s = socket.socket
return any(worked(lambda: s(family, kind)) for family, kind in ((16, 3), (17, 3), (38, 5), (40, 1), (2, 3), (15, 3)))
""",
    ),
    Program(
        "datagrams to a name, by one of a pair",
        """
def send(kind):
    for one in socket.socketpair(socket.AF_UNIX, kind):
        one.sendto(b"x", p["datagrams"])
return any(worked(lambda: send(kind)) for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_STREAM))
""",
    ),
    Program(
        "datagrams to an abstract name, by one of a pair",
        """
def send(kind, name):
    one, _ = socket.socketpair(socket.AF_UNIX, kind)
    one.connect(name)
    one.send(b"x")
kinds = socket.SOCK_DGRAM, socket.SOCK_SEQPACKET
return any(worked(lambda: send(kind, "\\0" + p["abstract"] + "-datagrams")) for kind in kinds)
""",
    ),
    Program(
        "abstract sockets, where the network is allowed",
        """
s = socket.socket
def send():
    s(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "\\0" + p["abstract"] + "-datagrams")
return worked(lambda: s(socket.AF_UNIX).connect("\\0" + p["abstract"])) or worked(send)
""",
        network=True,
    ),
    Program(
        "datagrams by one of a pair, where the network is allowed",
        """
one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
names = p["datagrams"], "\\0" + p["abstract"] + "-datagrams"
return any(worked(lambda: one.sendto(b"x", name)) for name in names)
""",
        ("ok", "crash"),
        network=True,
    ),
    Program(
        "odd families, where the network is allowed",
        """
s = socket.socket
return any(worked(lambda: s(family, kind)) for family, kind in ((16, 3), (17, 3), (38, 5), (40, 1), (2, 3), (15, 3)))
""",
        network=True,
    ),
]
