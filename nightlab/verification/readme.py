"""The bundle's readme: what is in it, how to check it, and what that proves."""

from __future__ import annotations

from nightlab.agents.chat.settings import SOLVER
from nightlab.experiments.study.study import Study

TEXT = """\
# {title}

The study `{name}`, with all that is needed to check its paper.

- `paper/`: the PDF, its LaTeX, figures, evidence.json (every number of the paper with its formula and runs), all rounds
- `ledger/`: every row of the ledger, one JSON object a line, a file a table; `chain.jsonl` is the hash chain over them
- `template/`, `artifacts/`: the task with its evaluator; each version of the files that ran, by content
- `data/`, `items/`, `series/`: inputs, private data, values by item, what runs reported step by step
- `reviews/`: the reviewers' forms; `environment.json`: processor and versions of each session
- `ro-crate-metadata.json` (RO-Crate, Workflow Run Crate), `provenance.json` (PROV), `SHA256SUMS`
{private}
## How to check it
`nightlab verify BUNDLE.zip` computes every number again and makes text, figures and PDF once more. `verify.py` of
Nightlab's repository needs nothing but Python: `python verify.py BUNDLE.zip`. It is written apart from Nightlab and
lists what it does not compute. Take it from the repository: a copy that came with a bundle would prove nothing.

## What that proves
The ledger ends at link {link} with the SHA-256

    {head}

and page one of the paper names the link of the last row that it stands on. A row that was changed, dropped or added
after either hash was known to somebody else is found: both programs take it as `--head`. Who owns ledger and PDF can
make both again with other rows, chain and all: only a hash that stands where its owner cannot change it speaks against
that. Keep the head that was printed at the end of the run, commit it, print it, or have it stamped
(`nightlab export --timestamp URL`, RFC 3161).
{stamp}"""
PRIVATE = """
The private data were left out. So it cannot be checked here that they are those that the study began with, runs cannot
be scored again, and values by item of the holdout are missing; their hashes are in the ledger.
{again}"""
AGAIN = """
They are no secret where the template's `prepare` makes them of its seed: the ledger holds the study's key, and with
both anybody draws the same data again. Show this bundle to nobody who must not know them.
"""
ASKED = """
The judge asked a language model for its candidates. The replies are in the ledger, and with `--record` the questions
too, so what the judge keeps from the experiments may stand in them.
"""
STAMP = """
`timestamp.tsr` is the answer of {url} to the head. `openssl ts -verify -digest {head} -in timestamp.tsr
-CAfile CERTIFICATES` checks it with the certificates of its maker.
"""


def text(study: Study, link: int, head: str, *, private: bool, stamped: str) -> str:
    """stamped: the address of the server that stamped the head; empty where none did."""
    asked = any(call.role == SOLVER for call in study.ledger.calls.all())
    return TEXT.format(
        title=study.template.spec.template.title,
        name=study.name,
        private=("" if private else PRIVATE.format(again=AGAIN if drawn(study) else "")) + (ASKED if asked else ""),
        link=link,
        head=head,
        stamp=STAMP.format(url=stamped, head=head) if stamped else "",
    )


def drawn(study: Study) -> bool:
    """Whether the data are made by the template's own code, of a seed that the rows give away."""
    data = study.template.spec.data
    return bool(data and data.prepare)
