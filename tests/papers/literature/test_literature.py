"""References: out of BibTeX and out of arXiv's answers, over a real connection to a loopback server."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from nightlab.experiments.template.loading import load
from nightlab.papers.latex.bibliography import UNVERIFIED, entry
from nightlab.papers.literature.arxiv_search import search_arxiv
from nightlab.papers.literature.literature import LiteratureError, Reference, load_bib, write_bib
from nightlab.papers.literature.survey import survey
from nightlab.papers.literature.untex import plain
from tests.conftest import MakeTemplate
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
        ("title = {T}, author = {A}, year = {2020}, doi = {11.5/x}", "is no DOI"),
        ("title = {T}, author = {A}, year = {2020}, eprint = {1413.0001}", "is no arXiv id"),
        ("author = {A}, year = {2020}, doi = {10.1000/x}", "has no title"),
        ("title = {T}, author = {A, B.; C, D.}, year = {2020}", "joins authors by something else than `and`"),
        ("title = {T}, author = {A, B. & C, D.}, year = {2020}", "joins authors by something else than `and`"),
        ("title = {T}, author = {A, B. and C, D. and}, year = {2020}", "joins authors by something else than `and`"),
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


def read(folder: Path, fields: str, kind: str = "article", key: str = "k") -> Reference:
    """One entry, with what it lacks."""
    rest = {"title": "T", "author": "A", "year": "2020"}
    more = "".join(f", {name} = {{{value}}}" for name, value in rest.items() if not re.search(rf"\b{name} =", fields))
    (folder / "r.bib").write_text(f"@{kind}{{{key}, {fields}{more}}}", encoding="utf-8")
    (found,) = load_bib(folder / "r.bib")
    return found


@pytest.mark.parametrize(
    ("field", "doi", "arxiv"),
    [
        ("doi = {https://doi.org/10.1000/x_1}", "10.1000/x_1", ""),
        (r"doi = {10.1000/x\_1}", "10.1000/x_1", ""),
        ("doi = {DOI 10.1000/x(1).}", "10.1000/x(1)", ""),
        ("doi = {10.48550/arXiv.1412.6980}", "10.48550/arXiv.1412.6980", "1412.6980"),
        ("eprint = {arXiv:1412.6980v9}", "", "1412.6980"),
        ('eprint = "1706.03762 [cs.CL]", eprinttype = {arxiv}', "", "1706.03762"),
        ("eprint = {hep-th/9901001v3}, archiveprefix = {arXiv}", "", "hep-th/9901001"),
        ("eprint = {12345678}, eprinttype = {pubmed}, doi = {10.1000/x}", "10.1000/x", ""),
        ("eprint = {https://www.jstor.org/stable/2346178}, doi = {10.1000/x}", "10.1000/x", ""),
        ("url = {https://arxiv.org/pdf/1412.6980v2.pdf}", "", "1412.6980"),
        ("url = {http://arxiv.org/abs/math.GT/0309136}", "", "math.GT/0309136"),
        (r"howpublished = {\url{https://doi.org/10.1145/3292500.3330701}}", "10.1145/3292500.3330701", ""),
        ("url = {https://dx.doi.org/10.1000/a--b~c}", "10.1000/a--b~c", ""),
        ("journal = {CoRR}, volume = {abs/1706.03762}", "", "1706.03762"),
        ("journal = {arXiv e-prints}, eid = {arXiv:1412.6980}", "", "1412.6980"),
        ("journaltitle = {arXiv preprint arXiv:1706.03762}", "", "1706.03762"),
        ("note = {arXiv:1706.03762 [cs]}, urldate = {2024-01-01}", "", "1706.03762"),
        ("number = {{arXiv}:1706.03762}", "", "1706.03762"),
        ("title = {On arXiv:1706.03762}, journal = {Nature}, pages = {1412.6980}", "", ""),
    ],
)
def test_identifiers_in_other_forms_and_fields(tmp_path: Path, field: str, doi: str, arxiv: str) -> None:
    found = read(tmp_path, field)
    assert (found.doi, found.arxiv) == (doi, arxiv)


@pytest.mark.parametrize("field", ["", "url = {https://example.org/a_b~c%20d}, urldate = {2024-01-01}", "isbn = {1}"])
def test_a_reference_without_an_identifier_is_read_and_says_so(tmp_path: Path, field: str) -> None:
    found = read(tmp_path, field, "book")
    assert not found.identified
    assert UNVERIFIED in entry(found)
    assert found.url in ("", "https://example.org/a_b~c%20d")


@pytest.mark.parametrize(
    ("fields", "lacks", "printed"),
    [
        ("year = {soon}", ("year",), "A. T. doi"),
        ("year = {}", ("year",), "A. T. doi"),
        ("date = {in press}, year = {}, journal = {J}", ("year",), r"A. T. \emph{J}. doi"),
        ("author = {}", ("author",), "T. 2020. doi"),
        ("author = {}, title = {Who?}, journal = {J}", ("author",), r"Who? \emph{J}, 2020. doi"),
        ("author = {}, year = {n.d.}", ("author", "year"), "T. doi"),
    ],
)
def test_what_has_no_author_or_year_is_printed_without_and_told(
    tmp_path: Path, make_template: MakeTemplate, fields: str, lacks: tuple[str, ...], printed: str
) -> None:
    found = read(tmp_path, f"{fields}, doi = {{10.1000/x}}")
    assert found.lacks == lacks
    assert re.sub(r"\\href\{.*?\}\{(doi).*", r"\1", entry(found)) == printed
    (tmp_path / "r.bib").rename(tmp_path / "first.bib")
    write_bib([found], tmp_path / "r.bib")
    (again,) = load_bib(tmp_path / "r.bib")
    assert (again.authors, again.year, again.title) == (found.authors, found.year, found.title)
    template = load(make_template(files={"references.bib": (tmp_path / "first.bib").read_text()}))
    told = survey(template, ["bibliography"])
    assert told.references == (replace(found, source="references.bib"),)
    for what in ("author", "year"):
        assert (f" {what}: k" in told.note) == (what in lacks)


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("{World Health Organization}", "World Health Organization"),
        ("{The {LIGO} Collaboration} and Abbott, B.~P.", "The LIGO Collaboration and B.~P.~Abbott"),
        ("{Meta {AI} \\& Friends} and others", "Meta AI \\& Friends, et~al"),
        ("{Van der Berg}, Anna", "A.~Van der Berg"),
        ("Garc{\\'i}a M{\\'a}rquez, Gabriel", "G.~García Márquez"),
        ("Le Roux, Nicolas and El Ghaoui, Laurent", "N.~Le Roux and L.~El Ghaoui"),
        ("van der Maaten, Laurens and de la Cruz P\\'erez, Jos\\'e", "L.~van der Maaten and J.~de la Cruz Pérez"),
        ("Ludwig van Beethoven", "L.~van Beethoven"),
        ("Dreyfus-Cohen, Jean-Pierre", "J.-P.~Dreyfus-Cohen"),
        ("King, Jr., Martin Luther and Davis, III, John", "M.~L.~King Jr. and J.~Davis III"),
        ("Davis, III, John and King, Jr., Martin Luther", "J.~Davis III and M.~L.~King Jr"),
        ("J.R.R. Tolkien and {\\'E}mile Zola", "J.~R.~R.~Tolkien and É.~Zola"),
        ("Aristotle and Sartre, Jean~Paul", "Aristotle and J.~P.~Sartre"),
    ],
)
def test_names_are_shortened_by_what_they_are(tmp_path: Path, given: str, printed: str) -> None:
    found = read(tmp_path, f"author = {{{given}}}")
    assert entry(replace(found, title="THE END")).split(". THE END")[0] == printed
    write_bib([found], tmp_path / "out.bib")
    assert load_bib(tmp_path / "out.bib")[0].authors == found.authors


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"{\'{\u{a}}}, Nguy{\~{\^e}}n, \h{\^e}, \d{\^o}, t{\uhorn}", "ắ, Nguyễn, ể, ộ, tư"),
        (r"\^{\i} {\"o} \c{c} \v{s} {\aa} \L{}ukasz {\ss}", "î ö ç š å Łukasz ß"),
        (r"$k$-means, {\em so} \emph{much}, \texttt{a\_b} \foo{kept}", "k-means, so much, a_b kept"),
        (r"\$5 a day \& 100% more: #1{\textendash}2 -- a~b", "$5 a day & 100% more: #1–2 – a b"),
        (r"At $10 the $\alpha$ of {\LaTeX}", "At $10 the $α$ of LaTeX"),
        (r"$\ell_1$, H$_2$O and $\frac{1}{2}$ \href{http://x}{here}", "ℓ_1, H_2O and 1/2 here"),
        (r"``Quoted'' \textquotedblleft so\textquotedblright{} <b>", "“Quoted” “so” <b>"),
        ("{ unbalanced $ and \\", "unbalanced $ and"),
        ("{" * 5000 + "deep" + "}" * 5000, "deep"),
    ],
)
def test_latex_in_a_bibliography_is_read_as_what_it_prints(latex: str, text: str) -> None:
    assert plain(latex) == text


@pytest.mark.parametrize("date", ["date = {2020-05-03}", "date = {2020/2021}", "year = {{\\noopsort{a}}2020b}"])
def test_a_year_in_biblatex_s_and_other_forms(tmp_path: Path, date: str) -> None:
    found = read(tmp_path, f"{date}, year ={{}}, month = {{may}}" if "date" in date else date)
    assert found.year == 2020


def test_a_part_of_a_volume_takes_its_year_and_title_and_not_its_identifier(tmp_path: Path) -> None:
    whole = "@proceedings{v, editor = {Ann Lee}, title = {Proceedings}, date = {2019-05}, doi = {10.1000/v}}"
    (tmp_path / "r.bib").write_text(f"@inproceedings{{p, author = {{A}}, title = {{T}}, crossref = {{v}}}}\n{whole}")
    part, volume = load_bib(tmp_path / "r.bib")
    assert (part.year, part.venue, part.identified) == (2019, "Proceedings", False)
    assert (volume.authors, volume.doi) == (("Ann Lee",), "10.1000/v")


def test_a_body_or_an_editor_stands_for_an_author(tmp_path: Path) -> None:
    assert read(tmp_path, "author = {}, editor = {Ada Lovelace}").authors == ("Ada Lovelace",)
    assert entry(read(tmp_path, "author = {}, organization = {Free Software Foundation}")).startswith("Free Software F")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_file_as_other_programs_write_it(tmp_path: Path, encoding: str) -> None:
    text = """% Encoding: x, made by ann@example.org
@string{jmlr = "Journal of Machine Learning Research"}
@preamble{"\\newcommand{\\x}{y}"}
@comment{jabref-meta: kept by joe@example.org}
@Comment an old one
@ARTICLE(müller:2020+a, AUTHOR = "Müller, Jörg" # " and others", Title = {A} # { thing}, Year = 2020, month = sept,
  JOURNAL = jmlr, doi = {10.1000/x}, doi = {10.1000/y})
@online{b&c, author = {A}, title = {T}, date = {2021-05}, journal = tpami, crossref = {muller}}
"""
    (tmp_path / "r.bib").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    first, second = load_bib(tmp_path / "r.bib")
    assert (first.key, first.authors, first.title) == ("müller:2020+a", ("Jörg Müller", "others"), "A thing")
    assert (first.venue, first.doi) == ("Journal of Machine Learning Research", "10.1000/x")
    assert (second.key, second.year, second.venue) == ("b&c", 2021, "tpami")


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
