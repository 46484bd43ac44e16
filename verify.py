#!/usr/bin/env python3
"""Check a bundle that `nightlab export` wrote. One file, the standard library alone, written apart from Nightlab.

    python verify.py BUNDLE.zip [--head HASH] [--json]

It checks hashes, the ledger's chain, the order of its rows and their completeness, and computes means, standard errors,
counts, the claim, its interval and its p value again from the raw rows, in closed form. What it does not compute it
lists. --head: the ledger's head as it was known elsewhere. Exit code 1 where anything is wrong. Python 3.11 or newer.

The chain: every row of every table is a link, with hash = SHA-256(hash of the link before, as hexadecimal digits, then
the JSON of [table, {column: value}] with sorted keys and no spaces, in ASCII); the first link follows 64 zeros.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import sys
import tomllib
import zipfile
import zlib

TABLES = {
    "trials": ["number"], "verdicts": ["trial"], "runs": ["id"], "outcomes": ["run"], "documents": ["kind", "key"],
    "calls": ["id"], "answers": ["call"], "events": ["number"],
}  # fmt: skip
UNREADABLE = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
)
MOST = 1e300
SEAL = re.compile(r"\\sealed\{(\d+)\}\{([0-9a-f]{64})\}\{([0-9a-f]{64})\}\{([0-9a-f]{64})\}")
NOT_MINE = (
    "figures: drawn from the runs; only their hashes are compared",
    "the text of the paper, and what the PDF shows beyond the hashes on its first page",
    "whether runs repeat",
    "the signature of a time stamp",
)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


class Bundle:
    """The files of a bundle, and its ledger's rows by table."""

    def __init__(self, path: str) -> None:
        with zipfile.ZipFile(path) as archive:
            self.files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        self.manifest = json.loads(self.files["bundle.json"])
        self.rows = {table: self.lines(table) for table in TABLES}
        self.chain = self.lines("chain")
        self.order = {(link["table"], link["key"]): link["number"] for link in self.chain}
        self.documents = {(row["kind"], row["key"]): row["body"] for row in self.rows["documents"]}

    def lines(self, table: str) -> list[dict]:
        return [json.loads(line) for line in self.files[f"ledger/{table}.jsonl"].decode().splitlines()]

    def document(self, kind: str, key: str) -> dict | None:
        body = self.documents.get((kind, key))
        return None if body is None else json.loads(body)

    def below(self, folder: str) -> dict[str, bytes]:
        return {n[len(folder) + 1 :]: content for n, content in self.files.items() if n.startswith(f"{folder}/")}


def check_sums(b: Bundle):
    listed = {}
    for line in b.files.get("SHA256SUMS", b"").decode().splitlines():
        hash, _, name = line.partition("  ")
        listed[name] = hash
    for name in sorted({*listed, *b.files} - {"SHA256SUMS"}):
        if name not in b.files or listed.get(name) != sha(b.files[name]):
            yield f"{name}: not what SHA256SUMS says"


def check_chain(b: Bundle, head: str):
    rows = {}
    for table, key in TABLES.items():
        for row in b.rows[table]:
            name = (table, compact([row[column] for column in key]))
            if name in rows:
                yield f"ledger: the row {name} is there twice"
            rows[name] = compact([table, row])
    linked = {(link["table"], link["key"]) for link in b.chain}
    apart = sorted(content for name, content in rows.items() if name not in linked)
    if b.chain and b.chain[0]["table"] == "":
        rows["", b.chain[0]["key"]] = "\n".join(apart)
    elif apart:
        yield f"ledger: {len(apart)} rows have no link"
    before = "0" * 64
    for expected, link in enumerate(b.chain, 1):
        content = rows.pop((link["table"], link["key"]), None)
        if link["number"] != expected:
            yield f"ledger: link {expected} is missing"
            break
        if content is None:
            yield f"ledger: link {expected}: its row {link['table']} {link['key']} is gone"
        elif sha((before + content).encode()) != link["hash"]:
            yield f"ledger: link {expected}: the row {link['table']} {link['key']} is not what was written"
        before = link["hash"]
    if (len(b.chain), before) != (b.manifest["link"], b.manifest["head"]):
        yield "ledger: its head is not the one that bundle.json names"
    if head and head not in [link["hash"] for link in b.chain]:
        yield "ledger: no link has the hash that --head gives"


def tree_hash(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files, key=lambda name: name.split("/")):
        digest.update(name.encode("utf-8", "surrogateescape") + f"\0{sha(files[name])}\0".encode())
    return digest.hexdigest()


def check_files(b: Bundle, skipped: set):
    for what, hash in ((b.document("study", "hashes") or {}).get("of") or {}).items():
        draw = re.fullmatch(r"(inputs|private) ?(?:data)? ?(\d*)", what)
        place = f"data/{f'search/{draw[2]}/' if draw[2] else ''}{draw[1]}" if draw else what
        if draw and draw[1] == "private" and not b.manifest["private"]:
            skipped.add("private data: left out of the bundle")
        elif tree_hash(b.below(place)) != hash:
            yield f"{place}: not what the study began with"
    for key in sorted({row["artifact"] for row in b.rows["trials"]}):
        digest = hashlib.sha256()
        files = b.below(f"artifacts/{key}")
        for name in sorted(files):
            digest.update(f"{name}\0{len(files[name])}\0".encode())
            digest.update(files[name])
        if digest.hexdigest()[:16] != key:
            yield f"artifacts/{key}: not the files that ran"
    for (kind, run), body in b.documents.items():
        if kind == "series" and sha(b.files.get(f"series/{(hash := json.loads(body)['hash'])}.json", b"")) != hash:
            yield f"series/{hash}.json: not the series of run {run}"
        for split, table in json.loads(body)["of"].items() if kind == "items" else ():
            for hash in table.values() if b.manifest["private"] or split != "holdout" else ():
                if sha(b.files.get(f"items/{hash}.npy", b"")) != hash:
                    yield f"items/{hash}.npy: not the values of run {run}"
    yield from check_published(b)
    yield from check_reviews(b)


def check_published(b: Bundle):
    papers = [row for row in b.rows["documents"] if row["kind"] == "paper"]
    last = max(papers, key=lambda row: b.order.get(("documents", compact(["paper", row["key"]])), 0), default=None)
    for name, hash in json.loads(last["body"])["of"].items() if last else ():
        if sha(b.files.get(f"paper/{name}", b"")) != hash:
            yield f"paper/{name}: not what was published"


def check_reviews(b: Bundle):
    metas = {int(key): json.loads(body) for (kind, key), body in b.documents.items() if kind == "meta"}
    for number, meta in metas.items():
        reviews = {key: body for (kind, key), body in b.documents.items() if kind == "review"}
        forms = [json.loads(body) for key, body in reviews.items() if key.startswith(f"{number}.")]
        file = json.loads(b.files.get(f"reviews/round-{number}.json", b"{}"))
        told = sorted(file.pop("reviews", []), key=compact)
        if file != meta or told != sorted(forms, key=compact):
            yield f"reviews/round-{number}.json: not the forms in the ledger"
        for name, value in meta["scores"].items():
            if not forms or abs(sum(form[name] for form in forms) / len(forms) - value) > 0.0051:
                yield f"review of round {number}: {name} is not the mean of the forms"


def check_seal(b: Bundle):
    tex = b.files.get("paper/paper.tex")
    if tex is None:
        return
    found = SEAL.search(tex.decode())
    if not found:
        yield "paper/paper.tex: its first page names no link of the ledger"
        return
    number, head, evidence, figures = found.groups()
    if [link["hash"] for link in b.chain if link["number"] == int(number)] != [head]:
        yield f"paper/paper.tex: link {number} of the ledger has another hash than the first page says"
    names = sorted(name for name in b.below("paper") if re.fullmatch("figures/[^/]+", name))
    lines = "".join(f"{sha(b.files['paper/' + name])}  {name}\n" for name in names)
    if (sha(b.files["paper/evidence.json"]), sha(lines.encode())) != (evidence, figures):
        yield "paper: evidence or figures are not those whose hashes the first page names"
    pdf = b.files.get("paper/paper.pdf", b"")
    streams = b"".join(inflated(m) for m in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)) if pdf else b""
    text = re.sub(rb"\)\s*-?[\d.]+\s*\(", b"", streams)
    if pdf and not all(hash.encode() in text for hash in (head, evidence, figures)):
        yield "paper/paper.pdf: it does not name the hashes that its LaTeX names"


def inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


def check_order(b: Bundle):
    runs, outcomes = b.rows["runs"], {row["run"]: row for row in b.rows["outcomes"]}
    plans = {key: json.loads(body) for (kind, key), body in b.documents.items() if kind == "preregistration"}
    for key in [key for kind, key in b.documents if kind == "claim"]:
        if key not in plans:
            yield f"{key}: nothing was written down before it was tested"
    for key in plans:
        at = b.order.get(("documents", compact(["preregistration", key])))
        phase = key.replace("claim", "confirm")
        after = [("runs", r["id"]) for r in runs if r["phase"] == phase]
        after += [("trials", t["number"]) for t in b.rows["trials"] if t["number"] == 1 and key == "claim"]
        for table, number in ((table, n) for table, n in after if at and b.order.get((table, f"[{n}]"), at) < at):
            yield f"{key}: {table} {number} was written before what was to be tested"
    opened = b.order.get(("documents", compact(["holdout", "opening"])))
    for run in runs if not any(plan.get("draws") for plan in plans.values()) else ():
        outcome = outcomes.get(run["id"])
        if outcome and "holdout" in json.loads(outcome["metrics"]):
            if run["phase"] in ("search", "beside", "rung") or ("holdout", "opening") not in b.documents:
                yield f"run {run['id']}: scored on the holdout, which was not opened for it"
            elif opened and b.order.get(("outcomes", f"[{run['id']}]"), opened) < opened:
                yield f"run {run['id']}: scored on the holdout before that was opened"


def check_completeness(b: Bundle):
    for table, column, start in (("trials", "number", 0), ("runs", "id", 1), ("events", "number", 1)):
        numbers = sorted(row[column] for row in b.rows[table])
        if numbers != list(range(start, start + len(numbers))):
            yield f"{table}: numbers are missing"
    verdicts = {row["trial"]: row for row in b.rows["verdicts"]}
    settled = {row["run"] for row in b.rows["outcomes"]}
    finished = any(kind == "done" for kind, _ in b.documents)
    for trial in b.rows["trials"] if finished else ():
        verdict = verdicts.get(trial["number"])
        searched = [r for r in b.rows["runs"] if r["phase"] == "search" and r["id"] in settled]
        ran = sum(r["subject"] == str(trial["number"]) for r in searched)
        if verdict is None:
            yield f"trial {trial['number']}: it has no verdict"
        elif ran < json.loads(verdict["numbers"]).get("runs", 0) or (
            verdict["kind"] in ("kept", "reverted") and not ran
        ):
            yield f"trial {trial['number']}: runs that its verdict rests on are missing"
    for run in b.rows["runs"] if finished else ():
        if run["id"] not in settled:
            yield f"run {run['id']}: it has no outcome"


# Statistics


def beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny, result, c, d = 1e-300, 1.0, 1.0, 0.0
    for i in range(1000):
        m = i // 2
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)) if i else 1.0
        term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)) if i % 2 else even
        d = 1 / (1 + term * d or tiny)
        c = 1 + term / c or tiny
        result *= c * d
        if abs(1 - c * d) < 1e-15:
            break
    return front * (result - 1)


def t_below(t: float, dof: float) -> float:
    """The share of Student's distribution below t."""
    tail = beta(dof / 2, 0.5, dof / (dof + t * t)) / 2
    return tail if t < 0 else 1 - tail


def t_quantile(p: float, dof: float) -> float:
    low, high = 0.0, 1.0
    while t_below(high, dof) < p:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_below(middle, dof) < p else (low, middle)
    return (low + high) / 2


def moments(values: list[float]) -> tuple[float, float]:
    mean = values[0] + math.fsum(v - values[0] for v in values) / len(values)
    if len(values) < 2:
        return mean, 0.0
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


def summary(values: list[float]) -> dict[str, float]:
    mean, sd = moments(values)
    stderr = sd / math.sqrt(len(values)) if min(values) != max(values) else 0.0
    margin = stderr * t_quantile(0.975, len(values) - 1) if stderr else 0.0
    return {"mean": mean, "stderr": stderr, "n": len(values), "low": mean - margin, "high": mean + margin}


def paired(pairs: list[tuple[float, float]], trim: float, coverage: float) -> dict[str, float]:
    """Yuen's one-sided t test of the trimmed mean difference; Student's where nothing is set aside."""
    values, n = sorted(b - a for a, b in pairs), len(pairs)
    rounding = 1e-12 * max(abs(v) for pair in pairs for v in pair)
    for cut in dict.fromkeys((int(trim * n), 0)):
        stay = values[cut : n - cut]
        spread = moments([min(stay[-1], max(stay[0], v)) for v in values])[1]
        effect, stderr = moments(stay)[0], spread * math.sqrt((n - 1) / (len(stay) * (len(stay) - 1)))
        if stderr > rounding:
            break
    if stderr <= rounding < abs(effect):
        stderr = 0.0
    if not stderr:
        return {"effect": effect, "low": effect, "high": effect, "p": 0.0 if effect > 0 else 1.0, "n": n}
    dof = n - 2 * cut - 1
    margin = stderr * t_quantile((1 + coverage) / 2, dof)
    p = t_below(-effect / stderr, dof)
    return {"effect": effect, "low": effect - margin, "high": effect + margin, "p": p, "n": n}


class Evidence:
    """The rows that the published paper tells of."""

    def __init__(self, b: Bundle) -> None:
        kept = [json.loads(body) for (kind, _), body in b.documents.items() if kind == "meta"]
        number = max((meta["round"] for meta in kept if meta["kept"]), default=0)
        self.taken = b.document("evidence", f"{number}.more") or b.document("evidence", str(number)) or {}
        self.spec = tomllib.loads(b.files["template/template.toml"].decode())
        self.claim, self.plan = self.taken["claim"], self.taken["preregistration"]
        outcomes = {row["run"]: row for row in b.rows["outcomes"]}
        last = len(self.taken["extensions"])
        self.runs = []
        for row in sorted(b.rows["runs"], key=lambda row: row["id"]):
            if row["id"] <= self.taken["last_run"]:
                outcome = outcomes.get(row["id"])
                metrics = json.loads(outcome["metrics"]) if outcome else {}
                good = outcome is not None and outcome["status"] == "ok"
                ran = {
                    "phase": self.phase(row["phase"], last),
                    "metrics": metrics,
                    "good": good,
                    "ran": outcome is not None,
                }
                self.runs.append({**row, **ran})
        self.trials = [row for row in b.rows["trials"] if row["number"] < self.taken["trials"]]
        self.verdicts = {row["trial"]: row for row in b.rows["verdicts"]}

    def phase(self, name: str, last: int) -> str:
        if not last or name in ("search", "beside", "rung"):
            return name
        if name.endswith(f" {last}"):
            return name[: -len(f" {last}")]
        return name if name.split(" ")[-1].isdigit() else f"earlier.{name}"

    @property
    def sign(self) -> float:
        return 1.0 if self.spec["objective"].get("direction") == "maximize" else -1.0

    def fitness(self, metrics: dict[str, float]) -> float:
        """The objective with the penalties of the constraints."""
        penalty = 0.0
        for c in self.spec.get("constraint", []):
            value = metrics[c["metric"]]
            outside = max(0.0, value - c.get("max", math.inf)) + max(0.0, c.get("min", -math.inf) - value)
            penalty += c.get("penalty", 0.0) * outside
        return max(-MOST, min(MOST, metrics[self.spec["objective"]["metric"]] - self.sign * penalty))

    def of(self, phase: str, subject: str) -> list[dict]:
        return [run for run in self.runs if (run["phase"], run["subject"]) == (phase, subject)]

    def searched(self, trial: int) -> list[dict]:
        seeds = self.taken["settings"]["seeds"]
        return [run for run in self.of("search", str(trial)) if run["good"] and run["replicate"] < seeds]

    def confirmed(self, subject: str) -> list[dict]:
        """The runs on the seeds on which all that was confirmed succeeded."""
        sides = ("baseline", "best") if self.claim["best"] else ("baseline",)
        seeds = [{run["seed"] for run in self.of("confirm", side) if run["good"]} for side in sides]
        return [run for run in self.of("confirm", subject) if run["good"] and run["seed"] in set.intersection(*seeds)]

    def effect(self, first: list[dict], second: list[dict], split: str, rule: dict) -> dict[str, float]:
        after = {run["seed"]: run for run in second if run["good"] or (rule["losses"] and run["ran"])}
        both = [(run, after[run["seed"]]) for run in first if run["good"] and run["seed"] in after]
        values = [[self.sign * self.fitness(r["metrics"][split]) if r["good"] else None for r in pair] for pair in both]
        worst = min((v for pair in values for v in pair if v is not None), default=0.0)
        return paired([(a, worst if b is None else b) for a, b in values], rule["trim"], rule["coverage"])


class NotMine(Exception): ...  # a formula that this program does not compute


def value(e: Evidence, formula: str, a: dict) -> float:
    """The value of a fact by its formula and arguments. Raises NotMine."""
    parts = {"losses": False, "trim": e.claim.get("trim", 0.0), "coverage": 0.95}
    best = "best" if e.claim["best"] else "baseline"
    match formula:
        case "study_setting":
            return e.taken["settings"][a["name"]]
        case "planned":
            return len(e.plan["seeds"])
        case "preregistered":
            return e.plan[a["key"]]
        case "settled":
            return sum(t["number"] in e.verdicts for t in e.trials) - 1
        case "trials":
            return sum(e.verdicts.get(t["number"], {}).get("kind") == a["verdict"] for t in e.trials)
        case "failures":
            found = [e.verdicts.get(t["number"], {}) for t in e.trials]
            return sum((v.get("kind"), v.get("cause")) == ("failed", a["cause"]) for v in found)
        case "runs":
            return sum(run["phase"] == a["phase"] for run in e.runs)
        case "all_runs":
            return len(e.runs)
        case "failed_confirmations":
            return sum(run["phase"] == "confirm" and not run["good"] for run in e.runs)
        case "parameter":
            return json.loads(e.trials[a["trial"]]["params"])[a["name"]]
        case "trial_mean":
            return moments([e.fitness(run["metrics"]["dev"]) for run in e.searched(a["trial"])])[0]
        case "replicates":
            return len(e.searched(e.claim["best"]))
        case "fitness":
            values = [e.fitness(run["metrics"][a["split"]]) for run in e.confirmed(a["subject"])]
            return summary(values)[a["statistic"]]
        case "measured":
            values = [run["metrics"][a["split"]][a["metric"]] for run in e.confirmed(a["subject"])]
            return summary(values)[a["statistic"]]
        case "claimed" if e.claim["tested"] and not e.claim.get("items"):
            rule = {**parts, "losses": e.claim.get("losses", False), "coverage": e.claim.get("coverage", 0.95)}
            return e.effect(e.of("confirm", "baseline"), e.of("confirm", "best"), a["split"], rule)[a["part"]]
        case "claimed" if not e.claim["tested"]:
            return e.claim["p_value" if a["part"] == "p" else a["part"]]
        case "claim_coverage" if not a.get("number"):
            return 100 * e.claim.get("coverage", 0.95)
        case "ablated" if a["part"] != "p":
            return e.effect(e.of("ablate", a["component"]), e.of("confirm", best), "dev", parts)[a["part"]]
        case "stepped":
            return e.effect(e.of("sensitivity", a["step"]), e.of("confirm", best), "dev", parts)[a["part"]]
    raise NotMine(formula)


def check_facts(b: Bundle, counts: dict, skipped: set):
    if "paper/evidence.json" not in b.files:
        return
    e = Evidence(b)
    for fact in json.loads(b.files["paper/evidence.json"]):
        try:
            found = value(e, fact["formula"], fact["arguments"])
        except NotMine:
            skipped.add(f"facts by the formula {fact['formula']}")
            continue
        counts["facts"] += 1
        if not math.isclose(found, fact["value"], rel_tol=1e-7, abs_tol=1e-9 * (fact["arguments"].get("part") != "p")):
            yield f"fact {fact['id']}: the paper has {fact['value']}, its runs come to {found}"
    for part in ("effect", "low", "high", "p") if e.claim["tested"] and not e.claim.get("items") else ():
        told = e.claim["p_value" if part == "p" else part]
        found = value(e, "claimed", {"part": part, "split": e.claim["split"]})
        if not math.isclose(found, told, rel_tol=1e-7, abs_tol=1e-9 * (part != "p")):
            yield f"claim: its {part} is told as {told}, its runs come to {found}"
    if e.claim["tested"] and e.claim["significant"] and not e.claim["p_value"] < e.plan["level"]:
        yield "claim: called significant above its level"


def check(path: str, head: str = "") -> dict:
    problems, counts, skipped = [], {"facts": 0}, set(NOT_MINE)
    try:
        b = Bundle(path)
        counts |= {"links": len(b.chain), "runs": len(b.rows["runs"]), "trials": len(b.rows["trials"])}
        problems += [*check_sums(b), *check_chain(b, head), *check_files(b, skipped), *check_seal(b), *check_order(b)]
        problems += [*check_completeness(b), *check_facts(b, counts, skipped)]
    except UNREADABLE as error:
        problems.append(f"it cannot be read as a bundle: {type(error).__name__}: {error}")
    return {"ok": not problems, "problems": problems, "checked": counts, "not_checked": sorted(skipped)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--head", default="", help="the ledger's head as it was known elsewhere")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    result = check(asked.bundle, asked.head)
    if asked.json:
        print(json.dumps(result))
    else:
        print(*result["problems"], sep="\n", end="\n" if result["problems"] else "")
        print("not computed here: " + "; ".join(result["not_checked"]))
        print(", ".join(f"{count} {what}" for what, count in result["checked"].items()), end=": ")
        print("no problem found" if result["ok"] else f"{len(result['problems'])} problems")
    sys.exit(not result["ok"])


if __name__ == "__main__":
    main()
