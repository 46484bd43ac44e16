"""References: out of BibTeX and out of arXiv's answers, over a real connection to a loopback server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from nightlab.papers.literature import LiteratureError, Reference, load_bib, search_arxiv, write_bib
from tests.papers import sample

ENTRY = """<entry>
  <id>http://arxiv.org/abs/{id}</id>
  <updated>2017-01-30T01:27:54Z</updated><published>2014-12-22T13:54:29Z</published>
  <title>{title}</title>
  <summary>We introduce a method
    for stochastic optimization.</summary>
  <author><name>Diederik P. Kingma</name></author><author><name>Jimmy Ba</name></author>
  <arxiv:doi>10.1000/xyz123</arxiv:doi>
  <link href="http://arxiv.org/abs/{id}" rel="alternate" type="text/html"/>
  <link title="pdf" href="http://arxiv.org/pdf/{id}" rel="related" type="application/pdf"/>
  <arxiv:primary_category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/>
  <category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/>
</entry>"""
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom">
  <link href="http://arxiv.org/api/query" rel="self" type="application/atom+xml"/>
  <title type="html">ArXiv Query</title><id>http://arxiv.org/api/x</id><updated>2026-01-01T00:00:00-05:00</updated>
  <opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{n}</opensearch:totalResults>
  <opensearch:startIndex xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">0</opensearch:startIndex>
  <opensearch:itemsPerPage xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{n}</opensearch:itemsPerPage>
  {entries}
</feed>"""


@contextmanager
def server(status: int, body: str, asked: list[str], wait_s: float = 0.0) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            time.sleep(wait_s)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/api/query"
        http.shutdown()


def feed(*entries: tuple[str, str]) -> str:
    return FEED.format(n=len(entries), entries="".join(ENTRY.format(id=i, title=t) for i, t in entries))


def test_arxiv_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    body = feed(("1412.6980v9", "Adam: A Method for\n  Stochastic $O(n)$ Optimization"), ("cs/0112017v1", "A method"))
    asked: list[str] = []
    with server(200, body, asked) as url:
        monkeypatch.setenv("NIGHTLAB_ARXIV_URL", url)
        first, second = search_arxiv("learning rate schedules", 2)
    query = parse_qs(urlparse(asked[0]).query)
    assert query["search_query"] == ["learning rate schedules"]
    assert query["max_results"] == ["2"]
    assert first == Reference(
        key="kingma2014adam",
        title="Adam: A Method for Stochastic O(n) Optimization",
        authors=("Diederik P. Kingma", "Jimmy Ba"),
        year=2014,
        doi="10.1000/xyz123",
        arxiv="1412.6980",
        url="https://arxiv.org/abs/1412.6980",
        abstract="We introduce a method for stochastic optimization.",
        source="arXiv",
    )
    assert (second.arxiv, second.key) == ("cs/0112017", "kingma2014method")


def test_equal_keys_are_told_apart() -> None:
    with server(200, feed(("1412.6980v9", "Adam"), ("1412.6981v9", "Adam")), []) as url:
        assert [r.key for r in search_arxiv("adam", base_url=url)] == ["kingma2014adam", "kingma2014adama"]


def test_no_result_is_no_error() -> None:
    with server(200, feed(), []) as url:
        assert search_arxiv("nothing", base_url=url) == []


@pytest.mark.parametrize("body", [feed(("not-an-id", "T")), feed(("1412.6980v9", " ")), "<html>Log in</html>"])
def test_what_is_no_record_is_left_out(body: str) -> None:
    with server(200, body, []) as url:
        assert search_arxiv("x", base_url=url) == []


def test_an_error_of_arxiv_is_told() -> None:
    asked: list[str] = []
    with server(503, "", asked) as url, pytest.raises(LiteratureError, match="HTTP 503"):
        search_arxiv("x", base_url=url)
    assert len(asked) == 2  # one retry, after the pause that arXiv asks for


def test_a_machine_without_a_network_goes_on_at_once() -> None:
    start = time.monotonic()
    with pytest.raises(LiteratureError, match="cannot be searched"):
        search_arxiv("x", base_url="http://127.0.0.1:9/api/query")
    assert time.monotonic() - start < 5


def test_a_server_that_hangs_is_left() -> None:
    with server(200, feed(), [], wait_s=0.8) as url, pytest.raises(LiteratureError, match=r"within 0\.2 s"):
        search_arxiv("x", base_url=url, timeout=0.2)


def test_a_bibliography_is_read() -> None:
    found = {r.key: r for r in sample.references()}
    assert len(found) == 14
    assert found["lecun1998gradient"].authors[1] == "Léon Bottou"
    assert found["lecun1998gradient"].link == "https://doi.org/10.1109/5.726791"
    assert found["loshchilov2017sgdr"].title == "SGDR: Stochastic Gradient Descent with Warm Restarts"
    assert found["harris2020numpy"].authors[2] == "Stéfan J. van der Walt"
    assert found["kingma2015adam"].link == "https://arxiv.org/abs/1412.6980"


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("title = {T}, author = {A}, year = {2020}", "neither a DOI nor an arXiv id"),
        ("title = {T}, author = {A}, year = {2020}, doi = {11.5/x}", "is no DOI"),
        ("title = {T}, author = {A}, year = {2020}, eprint = {1413.0001}", "is no arXiv id"),
        ("title = {T}, author = {A}, year = {soon}, doi = {10.1000/x}", "the year in four digits, not 'soon'"),
        ("author = {A}, year = {2020}, doi = {10.1000/x}", "has no title"),
        ("title = {T}, year = {2020}, doi = {10.1000/x}", "has no author"),
    ],
)
def test_an_entry_that_is_no_source_is_refused(tmp_path: Path, entry: str, named: str) -> None:
    (tmp_path / "r.bib").write_text(f"@misc{{some2020key, {entry}}}")
    with pytest.raises(LiteratureError, match=rf"r\.bib: some2020key: .*{named}"):
        load_bib(tmp_path / "r.bib")


@pytest.mark.parametrize("text", ["@misc{a, title = {", "@misc{a, title = {T}}\n@misc{a, title = {T}}"])
def test_a_broken_bibliography_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.bib").write_text(text)
    with pytest.raises(LiteratureError, match=r"r\.bib"):
        load_bib(tmp_path / "r.bib")


@pytest.mark.parametrize(
    ("field", "doi", "arxiv"),
    [
        ("doi = {https://doi.org/10.1000/x_1}", "10.1000/x_1", ""),
        ("doi = {10.48550/arXiv.1412.6980}", "10.48550/arXiv.1412.6980", "1412.6980"),
        ("eprint = {arXiv:1412.6980v9}", "", "1412.6980"),
        ("url = {https://arxiv.org/pdf/1412.6980v2.pdf}", "", "1412.6980"),
    ],
)
def test_identifiers_in_other_forms(tmp_path: Path, field: str, doi: str, arxiv: str) -> None:
    (tmp_path / "r.bib").write_text(f"@misc{{k, title = {{T}}, author = {{A}}, year = {{2020}}, {field}}}")
    (found,) = load_bib(tmp_path / "r.bib")
    assert (found.doi, found.arxiv) == (doi, arxiv)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    hostile = Reference(
        key="k:1",
        title="50% & more: #1 of x_1 ~ é ß <b> “q”",
        authors=("José Ñandú", "Guido van Rossum"),
        year=2020,
        venue="A & B",
        doi="10.1002/(SICI)1097-0258(1998)17:15<1661::AID-SIM968>3.0.CO;2-2",
        keywords=("one", "two"),
        source="out.bib",
    )
    write_bib([hostile, *sample.references()], tmp_path / "out.bib")
    first, *rest = load_bib(tmp_path / "out.bib")
    assert first == hostile
    assert [r.title for r in rest] == [r.title for r in sample.references()]
