"""What the environment says of proxies and certificates, each fault in a sentence with its variable and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.papers.literature.arxiv_search import search_arxiv
from nightlab.papers.literature.literature import LiteratureError
from nightlab.papers.literature.network import HTTPX, REQUESTS, Client, direct, faults, loopback
from tests.command_line import nightlab
from tests.conftest import MakeTemplate

FAR = "https://models.example/v1"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")]
    certificates = ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
    for name in (*names, *(name.upper() for name in names), *certificates):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("client", [HTTPX, REQUESTS])
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "ALL_PROXY names a SOCKS proxy, which needs a package: pip install "),
        ("https_proxy", "socks5h://me:secret@127.0.0.1:9", "https_proxy names a SOCKS proxy"),
        ("HTTPS_PROXY", "http://proxy:port", "HTTPS_PROXY is no address of a proxy; give one like http://"),
        ("HTTPS_PROXY", "http://me:secret@", "HTTPS_PROXY is no address of a proxy"),
        ("ALL_PROXY", "ftp://proxy:21", "ALL_PROXY is no address of a proxy"),
        ("http_proxy", "http://[::1", "http_proxy is no address of a proxy"),
        ("HTTPS_PROXY", "a proxy", "HTTPS_PROXY is no address of a proxy"),
    ],
)
def test_a_wrong_proxy_is_told(
    client: Client, name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "https_proxy":
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")  # what is written small goes before
    monkeypatch.setenv(name, value)
    found = faults(FAR, client)
    assert found.startswith(told)
    assert "secret" not in found
    monkeypatch.setenv("NO_PROXY", "models.example")
    assert faults(FAR, client) == ""


@pytest.mark.parametrize("value", ["http://proxy.example:3128", "proxy.example:3128", "http://me:word@[::1]:3128"])
def test_a_right_proxy_is_no_fault(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert faults(FAR, HTTPX) == faults(FAR, REQUESTS) == ""


@pytest.mark.parametrize(
    ("client", "name"), [(HTTPX, "SSL_CERT_FILE"), (REQUESTS, "REQUESTS_CA_BUNDLE"), (REQUESTS, "CURL_CA_BUNDLE")]
)
def test_a_wrong_file_of_certificates_is_told(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    (tmp_path / "empty.pem").touch()
    for file in ("none.pem", "text.pem", "empty.pem"):
        monkeypatch.setenv(name, str(tmp_path / file))
        assert faults(FAR, client).startswith(f"{name} names '{tmp_path / file}', which holds no certificates in PEM")
    assert faults("http://127.0.0.1:8000/v1", client) == ""
    import certifi

    monkeypatch.setenv(name, certifi.where())
    assert faults(FAR, client) == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://localhost/v1", "http://[::1]:80", "http://127.3.2.1"])
def test_this_machine_is_asked_directly(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    assert loopback(url)
    assert direct(url)
    assert faults(url, HTTPX) == ""
    assert not direct(FAR)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:9"), ("HTTPS_PROXY", "http://:x"), ("REQUESTS_CA_BUNDLE", "/nowhere.pem")],
)
def test_a_survey_names_the_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(LiteratureError, match=f"cannot be searched: {name} "):
        search_arxiv("valleys", base_url="https://export.example/api/query")


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:9"), ("HTTP_PROXY", "http://:x"), ("SSL_CERT_FILE", "/nowhere.pem")],
)
def test_the_command_line_ends_with_a_sentence(
    name: str, value: str, make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    where = ("--model", "openai:m", "--base-url", FAR, "--out", tmp_path / "o")
    done = nightlab("experiment", make_template(), *where, cwd=tmp_path)
    assert done.returncode == 2
    assert f"nightlab: model openai:m at {FAR}: {name} " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "o").exists()
