"""Time stamps by RFC 3161: a server signs that a hash was known to it at a time."""

from __future__ import annotations

import secrets
import urllib.error
import urllib.request

from nightlab.experiments.errors import NightlabError

SHA256 = bytes.fromhex("300d06096086480165030402010500")  # AlgorithmIdentifier, as DER
GRANTED = (0, 1)  # granted, granted with changes
TIMEOUT_S = 30


class StampError(NightlabError):
    """A server that gave no time stamp; the message says what it did."""


def stamped(url: str, digest: bytes) -> bytes:
    """The server's TimeStampResp for a SHA-256 digest. Raises StampError where it grants none."""
    head = {"Content-Type": "application/timestamp-query"}
    if not url.startswith(("http://", "https://")):
        raise StampError(f"--timestamp {url}: give the http(s) address of an RFC 3161 server")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, _query(digest), head), timeout=TIMEOUT_S) as answer:
            reply = bytes(answer.read(1 << 20))
    except (urllib.error.URLError, OSError) as error:
        raise StampError(f"--timestamp {url}: {error}") from error
    if not granted(reply, digest):
        raise StampError(f"--timestamp {url}: the server granted no time stamp for this hash")
    return reply


def granted(reply: bytes, digest: bytes) -> bool:
    """Whether a reply says so and names the digest. Its signature is for openssl to check."""
    try:
        _, body = _part(reply)
        _, status = _part(body)
        tag, code = _part(status)
    except IndexError:
        return False
    return tag == 2 and int.from_bytes(code) in GRANTED and _der(4, digest) in reply


def _query(digest: bytes) -> bytes:
    """TimeStampReq: version 1, the hash, a nonce, and the wish for the server's certificate."""
    imprint = _der(0x30, SHA256 + _der(4, digest))
    nonce = _der(2, b"\x01" + secrets.token_bytes(8))
    return _der(0x30, _der(2, b"\x01") + imprint + nonce + _der(1, b"\xff"))


def _der(tag: int, content: bytes) -> bytes:
    """A DER element of less than 128 bytes, which all parts of a query are."""
    assert len(content) < 128
    return bytes((tag, len(content))) + content


def _part(data: bytes) -> tuple[int, bytes]:
    """Tag and content of the first DER element. Raises IndexError where there is none."""
    tag, length, start = data[0], data[1], 2
    if length >= 128:
        start += length & 127
        length = int.from_bytes(data[2:start])
    return tag, data[start : start + length]
