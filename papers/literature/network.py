"""What the environment says of the way to a server: proxies and certificates, and what is wrong with them."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import proxy_bypass


@dataclass(frozen=True, kw_only=True)
class Client:
    """What an HTTP library wants. socks: the module that it needs for a SOCKS proxy, and the package that brings it."""

    schemes: tuple[str, ...]  # of proxies
    socks: tuple[str, str]
    certificates: tuple[str, ...]  # variables; the first one that is set counts


HTTPX = Client(
    schemes=("http", "https", "socks5", "socks5h"),
    socks=("socksio", "socksio"),
    certificates=("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
REQUESTS = Client(
    schemes=("http", "https", "socks4", "socks4a", "socks5", "socks5h"),
    socks=("socks", "PySocks"),
    certificates=("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


def loopback(url: str) -> bool:
    """Whether a server is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def direct(url: str) -> bool:
    """Whether no proxy is asked: the server is on this machine, or NO_PROXY names it."""
    return loopback(url) or bool(proxy_bypass(urlsplit(url).netloc.rpartition("@")[2]))


def faults(url: str, client: Client) -> str:
    """What is wrong with the variables that a client heeds on its way to `url`, and what would be right; or ""."""
    found = [] if direct(url) else [_proxy_fault(name, value, client) for name, value in proxies()]
    if urlsplit(url).scheme != "http" or not direct(url):
        certificates = next((name for name in client.certificates if os.environ.get(name)), "")
        found.append(_certificate_fault(certificates))
    return "; ".join(filter(None, found))


def proxies() -> Iterator[tuple[str, str]]:
    """The variables that name a proxy; written small they go before the capitals."""
    for scheme in ("http", "https", "all"):
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            if value := os.environ.get(name, "").strip():
                yield name, value
                break


def _proxy_fault(name: str, value: str, client: Client) -> str:
    module, package = client.socks
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        sound = bool(re.fullmatch(r"[\w.:%-]+", parts.hostname or "")) and parts.port != 0
    except ValueError:
        return f"{name} is no address of a proxy; give one like http://proxy.example:3128, or unset it"
    if not sound or parts.scheme not in client.schemes:
        return f"{name} is no address of a proxy; give one like http://proxy.example:3128, or unset it"
    if parts.scheme.startswith("socks") and not find_spec(module):
        return f"{name} names a SOCKS proxy, which needs a package: pip install {package}, or unset {name}"
    return ""


def _certificate_fault(name: str) -> str:
    if not name:
        return ""
    path = Path(os.environ[name])
    if path.is_dir() and not name.endswith("FILE"):
        return ""
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        why = error.reason if isinstance(error, ssl.SSLError) else getattr(error, "strerror", "") or error
        return f"{name} names {str(path)!r}, which holds no certificates in PEM form ({why}); mend or unset it"
    return ""
