"""A PDF from elsewhere as a document: what its text tells of title, sections, captions and references."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from nightlab.experiments.errors import NightlabError
from nightlab.papers.audit.reading.document import Document, Part, Sentence, Shown, sentences_of
from nightlab.papers.audit.reading.likeness import FUNCTION

MOST_PAGES = 400
FULL = 0.7  # of the usual width, from which a line is filled
HALF, WORDY = 0.5, 0.7  # of the words and numbers of a line, that are words: of one that goes on, of any
_NAMES = (
    r"abstract|introduction|related works?|background|preliminaries|methods?|methodology|approach|models?|theory"
    r"|materials and methods|experiments?|experimental (?:set-?up|results)|set-?up|evaluation|results?|ablations?"
    r"|analysis|discussion|limitations?|threats to validity|conclusions?|future work|references|bibliography"
    r"|acknowledge?ments?|appendix|supplementary material|broader impact|ethics statement"
)
_HEADING = re.compile(
    rf"^(?:(?:\d+|[A-Z]|[IVX]+)(?:\.\d+)*\.?\s+)?(?P<name>(?:{_NAMES})(?: and (?:[a-z]+ ?){{1,3}})?)[.:]?$", re.I
)
_NUMBERED = re.compile(r"^(?:\d{1,2}|[A-Z])\.?\s+(?P<name>[A-Z][\w-]+(?: [\w-]+){0,6})$")
_CAPTION = re.compile(r"^(?P<kind>Figure|Fig\.|Table)\s+(?P<number>\d+)\s*[.:|]\s*(?P<text>.+)", re.I)
_WITHIN = re.compile(r"(?P<label>.*?(?P<last>\w+)) (?P<caption>(?:Figure|Fig\.|Table) \d+[.:|] [A-Z].+)")
_ITEM = re.compile(r"^[•▪‣] ?")
_KEYWORDS = re.compile(r"^(?:Keywords|Index terms)\s*[.:—-]\s*(?P<words>.+)", re.I)
_ENDS, _STOPS = re.compile(r"[.!?][”’\"')]*$"), re.compile(r"[.!?:;][”’\"')]*$")  # of a sentence, of a clause
FIGURE = re.compile(r"^\s*(?:Figure|Fig\.)\s+\d+\s*[.:|]", re.M)  # what a page with a figure has
_ENTRY = re.compile(r"^(?:\[\d+\]|\[[A-Za-z+]+\d{2,4}\w?\]|\d{1,3}\.\s+[A-Z])")
_AUTHORED = re.compile(r"^[A-Z][\w'’-]+,? .*\b(?:19|20)\d\d[a-z]?\b")


class PaperError(NightlabError):
    """A file that is no paper that could be read."""

    exit_code = 2


def pages_of(file: Path) -> list[str]:
    """The text of each page. Raises PaperError for a file that is no PDF, is locked, or has no text."""
    import pypdfium2

    if not file.is_file():
        raise PaperError(f"{file}: there is no such file; give a study's folder or a PDF")
    try:
        opened = pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        raise PaperError(f"{file}: it cannot be read as a PDF ({error})") from None
    try:
        texts = [page.get_textpage().get_text_range() for _, page in zip(range(MOST_PAGES), opened, strict=False)]
    finally:
        opened.close()
    if not any(text.strip() for text in texts):
        raise PaperError(f"{file}: its pages hold no text, as those of a scan; only text can be reviewed")
    return texts


def document_of(pages: Sequence[str], title: str = "") -> Document:
    """The document that the pages of a PDF tell."""
    lines = [line.strip() for line in "\n".join(pages).replace("\ufffe", "").splitlines() if line.strip()]
    sections, shown, listed, aside = list[Part](), list[Shown](), list[str](), list[str]()
    abstract = Part(key="abstract", heading="Abstract", kind="abstract", paragraphs=())
    full = FULL * _width(lines)
    for number, (heading, body) in enumerate(_sections(lines)):
        name = heading.casefold()
        if name.startswith(("references", "bibliography")):
            listed += _entries(body)
            continue
        flowing = list(_flowing(body, full))
        aside += [line for line in body if line not in flowing]
        captions, prose = _parted(flowing)
        shown += captions
        part = Part(
            key="abstract" if name == "abstract" else f"part-{number}",
            heading=heading,
            kind="abstract" if name == "abstract" else "section",
            paragraphs=tuple(sentences_of(text) for text in _paragraphs(prose)),
        )
        if name == "abstract":
            abstract = part
        elif heading:
            sections.append(part)
    return Document(
        title=title or _title(lines),
        abstract=abstract,
        sections=tuple(sections),
        shown=tuple(shown),
        listed=tuple(listed),
        aside=" ".join(aside),
        keywords=tuple(
            word.strip(" .") for line in lines if (m := _KEYWORDS.match(line)) for word in re.split("[,;·]", m["words"])
        ),
        of_study=False,
    )


def _sections(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Headings with the lines below them; what stands before the first one has none."""
    heading, body = "", list[str]()
    for line in lines:
        told = re.match(r"^(abstract)\s*[-—:.]\s*(.+)", line, re.I)
        found = _HEADING.match(line) or _NUMBERED.match(line)
        if told or found:
            yield heading, body
            heading, body = ("Abstract", [told[2]]) if told else (found["name"] if found else "", [])
        else:
            body.append(line)
    yield heading, body


def _title(lines: Sequence[str]) -> str:
    """The first line, with those below it as long as it cannot end there: at a hyphen, a comma, a function word."""
    title = ""
    for line in lines:
        title = f"{title[:-1]}{line}" if title.endswith("-") else f"{title} {line}".strip()
        if not line.endswith((",", ":", "–", "—", "-")) and line.split()[-1].casefold() not in FUNCTION:
            break
    return title


def _paragraphs(prose: Sequence[str]) -> list[str]:
    """Each item of a list is one; what else begins one, a PDF does not tell."""
    found = [""]
    for line in prose:
        if item := _ITEM.match(line):
            found.append(line[item.end() :])
        else:
            found[-1] += f" {line}"
    return [text.strip() for text in found if text.strip()]


def _width(lines: Sequence[str]) -> float:
    """The characters of a line that text fills."""
    lengths = sorted(map(len, lines))
    return lengths[len(lengths) * 3 // 4] if lengths else 0


def _flowing(body: Sequence[str], full: float) -> Iterator[str]:
    """The lines of captions and of running text, without page numbers, rows of tables and labels of figures.

    Text fills its lines but for the last one of a paragraph, is mostly words, and has function words among them. full:
    characters from which a line is filled.
    """
    unended, ended = False, True  # whether the line before is text that goes on; whether the last text ended
    for line in chain.from_iterable(map(_captioned, body)):
        words = [w.strip(".,;:()[]“”\"'’") for w in line.split()]
        spoken = [w.casefold() for w in words if w.isalpha() and len(w) > 1]
        if not spoken:  # a page number, an axis
            continue
        filled, stops, share = len(line) >= full, _STOPS.search(line), len(spoken) / len(words)
        said = share > HALF and any(w in FUNCTION for w in spoken) and not (ended and line[0].islower())
        text = said and (stops or (filled and share >= WORDY))
        text = text or (unended and (stops or (filled and share > HALF)))
        if text or _CAPTION.match(line):
            ended = bool(_ENDS.search(line))
            unended = not ended
            yield line
        else:
            unended = False


def _captioned(line: str) -> list[str]:
    """A line, in two where a caption begins behind the last label of its figure."""
    m = _WITHIN.match(line)
    return [m["label"], m["caption"]] if m and m["last"].casefold() not in FUNCTION else [line]


def _parted(body: Sequence[str]) -> tuple[list[Shown], list[str]]:
    """Captions, and the prose that is left; words that a line broke are whole again."""
    shown, prose = list[Shown](), list[str]()
    for line in body:
        if m := _CAPTION.match(line):
            kind, number = "table" if m["kind"].casefold() == "table" else "figure", m["number"]
            caption: tuple[Sentence, ...] = sentences_of(m["text"])
            shown.append(Shown(key=f"{kind}-{number}", kind=kind, caption=caption))  # type: ignore[arg-type]
        elif prose and prose[-1].endswith("-") and line[:1].islower():
            prose[-1] = prose[-1][:-1] + line
        else:
            prose.append(line)
    return shown, prose


def _entries(body: Sequence[str]) -> list[str]:
    """The entries of a list of references: by their marks, or else lines with an author and a year."""
    marked = [line for line in body if _ENTRY.match(line)]
    return marked or [line for line in body if _AUTHORED.match(line)]
