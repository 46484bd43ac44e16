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
import ast
import hashlib
import json
import math
import re
import struct
import sys
import tomllib
import zipfile
import zlib

KEYS = "trials number,verdicts trial,runs id,outcomes run,documents kind key,calls id,answers call,events number"
PLANS = ("preregistration", "further plan", "replication plan", "rivals")  # kinds of documents, before their runs
TABLES = {table: key for table, *key in (each.split() for each in KEYS.split(","))}
SEAL = re.compile(r"\\sealed\{(\d+)\}\{([0-9a-f]{64})\}\{([0-9a-f]{64})\}\{([0-9a-f]{64})\}")
NOT_MINE = (
    "figures: drawn from the runs; only their hashes are compared",
    "files that the ledger does not speak of, and what the bundle says of itself: its readme and metadata",
    "the text of the paper, and what the PDF shows beyond the hashes on its first page",
    "whether runs repeat, and the signature of a time stamp",
)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def once(pairs: list[tuple]) -> dict:
    """A mapping of names that are there once each: two readers of one that is there twice may read other things."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError(f"a name is there twice among {sorted(name for name, _ in pairs)}"[:300])
    return found


def parsed(text: str | bytes):
    return json.loads(text, object_pairs_hook=once)


class Bundle:
    """The files of a bundle, and its ledger's rows by table."""

    def __init__(self, path: str) -> None:
        with zipfile.ZipFile(path) as archive:
            self.files = once([(n, archive.read(n)) for n in archive.namelist() if not n.endswith("/")])
        self.manifest = parsed(self.files["bundle.json"])
        self.rows = {table: self.lines(table) for table in TABLES}
        self.chain = self.lines("chain")
        self.order = {(link["table"], link["key"]): link["number"] for link in self.chain}
        self.documents = {(row["kind"], row["key"]): row["body"] for row in self.rows["documents"]}

    def lines(self, table: str) -> list[dict]:
        return [parsed(line) for line in self.files[f"ledger/{table}.jsonl"].decode().splitlines()]

    def all(self, kind: str) -> dict[str, dict]:
        return {key: parsed(body) for (name, key), body in self.documents.items() if name == kind}

    def below(self, folder: str) -> dict[str, bytes]:
        return {n[len(folder) + 1 :]: content for n, content in self.files.items() if n.startswith(f"{folder}/")}


def check_sums(b: Bundle):
    lines = b.files.get("SHA256SUMS", b"").decode().splitlines()
    listed = once([(name, hash) for hash, _, name in (line.partition("  ") for line in lines)])
    for name in sorted({*listed, *b.files} - {"SHA256SUMS"}):
        if name not in b.files or listed.get(name) != sha(b.files[name]):
            yield f"{name}: not what SHA256SUMS says"


def check_chain(b: Bundle, head: str, skipped: set):
    each = ((table, [row[column] for column in key], row) for table, key in TABLES.items() for row in b.rows[table])
    rows = once([((table, compact(key)), compact([table, row])) for table, key, row in each])
    linked = {(link["table"], link["key"]) for link in b.chain}
    apart = sorted(content for name, content in rows.items() if name not in linked)
    if b.chain and b.chain[0]["table"] == "":
        rows["", b.chain[0]["key"]] = "\n".join(apart)
    elif apart:
        yield f"ledger: {len(apart)} rows have no link"
    before = "0" * 64
    for expected, link in enumerate(b.chain, 1):
        if link["number"] != expected:
            yield f"ledger: link {expected} is missing"
            break
        if (content := rows.pop((link["table"], link["key"]), None)) is None:
            yield f"ledger: link {expected}: its row {link['table']} {link['key']} is gone"
        elif sha((before + content).encode()) != link["hash"]:
            yield f"ledger: link {expected}: the row {link['table']} {link['key']} is not what was written"
        before = link["hash"]
    if (len(b.chain), before) != (b.manifest["link"], b.manifest["head"]):
        yield "ledger: its head is not the one that bundle.json names"
    known = next((link["number"] for link in b.chain if link["hash"] == head), 0)
    if head and not known:
        yield "ledger: no link has the hash that --head gives"
    elif head and known < len(b.chain):
        skipped.add(f"the rows after link {known}, for which the hash that --head gives does not vouch")


def tree_hash(files: dict[str, bytes]) -> str:
    lines = (f"{name}\0{sha(files[name])}\0" for name in sorted(files, key=lambda name: name.split("/")))
    return sha("".join(lines).encode("utf-8", "surrogateescape"))


def check_files(b: Bundle, skipped: set):
    for what, hash in b.all("study").get("hashes", {}).get("of", {}).items():
        draw = re.fullmatch(r"(inputs|private) ?(?:data)? ?(\d*)", what)
        place = f"data/{f'search/{draw[2]}/' if draw[2] else ''}{draw[1]}" if draw else what
        if draw and draw[1] == "private" and not b.manifest["private"]:
            skipped.add("private data: left out of the bundle")
        elif tree_hash(b.below(place)) != hash:
            yield f"{place}: not what the study began with"
    parts = {parsed(body).get("artifact") for (kind, _), body in b.documents.items() if re.match(r"ablation\b", kind)}
    for key in sorted({*parts, *(row["artifact"] for row in b.rows["trials"])} - {None, ""}):
        files = sorted(b.below(f"artifacts/{key}").items())
        if sha(b"".join(f"{n}\0{len(content)}\0".encode() + content for n, content in files))[:16] != key:
            yield f"artifacts/{key}: not the files that ran"
    named = [(f"series/{record['hash']}.json", record["hash"], run) for run, record in b.all("series").items()]
    for run, record in b.all("items").items():
        tables = [t for split, t in record["of"].items() if b.manifest["private"] or split != "holdout"]
        named += [(f"items/{hash}.npy", hash, run) for table in tables for hash in table.values()]
    named += [(f"venue/{name}", hash, "") for name, hash in b.all("study").get("venue", {"of": {}})["of"].items()]
    papers = b.all("paper")
    last = max(papers, key=lambda key: b.order.get(("documents", compact(["paper", key])), 0), default=None)
    named += [(f"paper/{name}", hash, "") for name, hash in papers[last]["of"].items()] if last else []
    for name, hash, run in named:
        if sha(b.files.get(name, b"")) != hash:
            yield f"{name}: not what {f'run {run} gave' if run else 'was written down'}"
    yield from check_reviews(b)


def check_reviews(b: Bundle):
    for number, meta in b.all("meta").items():
        forms = [form for key, form in b.all("review").items() if key.startswith(f"{number}.")]
        file = parsed(b.files.get(f"reviews/round-{number}.json", b"{}"))
        told = sorted(file.pop("reviews", []), key=compact)
        if file != meta or told != sorted(forms, key=compact):
            yield f"reviews/round-{number}.json: not the forms in the ledger"
        for name, value in meta["scores"].items():
            if not forms or abs(sum(form[name] for form in forms) / len(forms) - value) > 0.0051:
                yield f"review of round {number}: {name} is not the mean of the forms"


def check_seal(b: Bundle):
    found = SEAL.search(b.files.get("paper/paper.tex", b"").decode())
    if not found:
        yield from ["paper/paper.tex: its first page names no link of the ledger"] * ("paper/paper.tex" in b.files)
        return
    number, head, evidence, figures = found.groups()
    if [link["hash"] for link in b.chain if link["number"] == int(number)] != [head]:
        yield f"paper/paper.tex: link {number} of the ledger has another hash than the first page says"
    names = sorted(name for name in b.below("paper") if re.fullmatch("figures/[^/]+", name))
    lines = "".join(f"{sha(b.files['paper/' + name])}  {name}\n" for name in names)
    if (sha(b.files["paper/evidence.json"]), sha(lines.encode())) != (evidence, figures):
        yield "paper: evidence or figures are not those whose hashes the first page names"
    pdf = b.files.get("paper/paper.pdf", b"")
    streams = b"".join(map(inflated, re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)))
    text = re.sub(rb"\)\s*-?[\d.]+\s*\(", b"", streams)
    if pdf and not all(hash.encode() in text for hash in (head, evidence, figures)):
        yield "paper/paper.pdf: it does not name the hashes that its LaTeX names"


def inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


def check_order(b: Bundle):
    runs, plans = b.rows["runs"], b.all("preregistration")
    known = {"claim", *(f"claim {number}" for number in b.all("extension"))}
    yield from (f"{key}: a claim without a plan" for key in b.all("claim") if key not in plans)
    yield from (f"{key}: a plan of no claim that there may be" for key in plans if key not in known)
    yield from (f"{key}: a second opening" for key in b.all("holdout") if not re.match(r"opening\Z|refused for ", key))
    for kind, key in (pair for pair in b.documents if pair[0] in PLANS):
        at = b.order.get(("documents", compact([kind, key])))
        after = [("runs", r["id"]) for r in runs if r["phase"] == key.replace("claim", "confirm")]
        after += [("trials", t["number"]) for t in b.rows["trials"] if t["number"] == 1 and key == "claim"]
        for table, number in ((table, n) for table, n in after if at and b.order.get((table, f"[{n}]"), at) < at):
            yield f"{key}: {table} {number} was written before what was to be tested"
    loose = {run["phase"] for run in runs} - {key for kind, key in b.documents if kind in PLANS}
    beside = r"(again|stress|second|draws|replication|rivals)\b"
    yield from (f"{phase}: runs without a plan" for phase in sorted(loose) if re.match(beside, phase))
    opened, outcomes = b.order.get(("documents", '["holdout","opening"]')), {r["run"]: r for r in b.rows["outcomes"]}
    for run in runs if not any(plan.get("draws") for plan in plans.values()) else ():
        if (outcome := outcomes.get(run["id"])) and "holdout" in json.loads(outcome["metrics"]):
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
    if not any(kind == "done" for kind, _ in b.documents):
        return
    searched = [r["subject"] for r in b.rows["runs"] if r["phase"] == "search" and r["id"] in settled]
    for number in (row["number"] for row in b.rows["trials"]):
        verdict, ran = verdicts.get(number), searched.count(str(number))
        if verdict is None:
            yield f"trial {number}: it has no verdict"
        elif ran < max(json.loads(verdict["numbers"]).get("runs", 0), verdict["kind"] in ("kept", "reverted")):
            yield f"trial {number}: runs that its verdict rests on are missing"
    yield from (f"run {run['id']}: it has no outcome" for run in b.rows["runs"] if run["id"] not in settled)


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
    tail = beta(dof / 2, 0.5, dof / (dof + t * t)) / 2
    return tail if t < 0 else 1 - tail


def t_quantile(p: float, dof: float) -> float:
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_below(middle, dof) < p else (low, middle)
    return (low + high) / 2


def moments(values: list[float]) -> tuple[float, float]:
    mean = values[0] + math.fsum(v - values[0] for v in values) / len(values)
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / max(1, len(values) - 1))


def trimmed(values: list[float], cut: int) -> tuple[float, float]:
    """The mean without so many values at either end; its variance, where these count as the nearest that stays."""
    stay, n = sorted(values)[cut : len(values) - cut], len(values)
    _, sd = moments([min(stay[-1], max(stay[0], v)) for v in values])
    return moments(stay)[0], sd**2 * (n - 1) / (len(stay) * (len(stay) - 1)) if n > 1 else 0.0


def paired(pairs: list[tuple[float, float]], trim: float, coverage: float) -> dict[str, float]:
    """Yuen's one-sided t test of the trimmed mean difference; Student's where nothing is set aside."""
    values, n = [b - a for a, b in pairs], len(pairs)
    rounding = 1e-12 * max(abs(v) for pair in pairs for v in pair)
    for cut in dict.fromkeys((int(trim * n), 0)):
        effect, variance = trimmed(values, cut)
        if (stderr := math.sqrt(variance)) > rounding:
            break
    return weighed(effect, 0.0 if stderr <= rounding < abs(effect) else stderr, n - 2 * cut - 1, n, coverage)


def weighed(effect: float, stderr: float, dof: float, n: int, coverage: float, skew: float = 0.0) -> dict[str, float]:
    """The test of an effect by Student's t; Hall's cubic (1992) allows for the skewness of the estimate."""
    t, far = effect / stderr if stderr else 0.0, t_quantile((1 + coverage) / 2, dof) if stderr else 0.0
    roots = [(q - skew / 6, math.cbrt(1 + skew * (q - skew / 6))) for q in (far, -far)]
    low, high = (effect - stderr * 3 * moved / (root**2 + root + 1) for moved, root in roots)
    p = t_below(-(t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6), dof) if stderr else float(effect <= 0)
    return {"effect": effect, "low": low, "high": high, "p": p, "n": n}


def crossed(rows: list[tuple[list[float], list[int]]], trim: float, coverage: float, skewed: bool) -> dict | None:
    """The test of pairs of runs crossed with items: two random effects, by the method of moments, with Satterthwaite's
    degrees of freedom. rows: what each pair differs by, item by item, and the groups of these. None without two."""
    means, n = [math.fsum(values) / len(values) for values, _ in rows], len(rows)
    order, cut = sorted(range(n), key=means.__getitem__), int(trim * n)
    stay = order[cut : n - cut]
    cells: dict[int, dict[int, float]] = {}
    for i in stay:
        for value, group in zip(*rows[i], strict=True):
            cell = cells.setdefault(group, {})
            cell[i] = cell.get(i, 0.0) + (value - means[i]) / len(rows[i][0]) / len(stay)
    if (columns := len(cells)) < 2:
        return None
    by_items, third = (math.fsum(math.fsum(cell.values()) ** k for cell in cells.values()) for k in (2, 3))
    third *= skewed * columns**2 / max(1, (columns - 1) * (columns - 2))
    both = math.fsum(moments(list(cell.values()))[1] ** 2 * len(cell) for cell in cells.values())
    by_items, both = (columns / (columns - 1) * part for part in (by_items, both))
    by_rows = trimmed(means, cut)[1]
    variance = max(by_rows + by_items - both, by_rows, by_items)
    rest, times = variance == by_rows + by_items - both, sum(map(len, cells.values())) / columns
    parts = [(by_rows, len(stay) - 1), (by_items, columns - 1), (rest * both, (columns - 1) * max(1.0, times - 1))]
    under = math.fsum(part**2 / dof for part, dof in parts if part and dof)
    effect = math.fsum(means[i] for i in stay) / len(stay)
    skew, dof = third / variance**1.5 if variance else 0.0, variance**2 / under if under else 1.0
    return weighed(effect, math.sqrt(variance), dof, n, coverage, skew)


class Evidence:
    """The rows that the published paper tells of."""

    def __init__(self, b: Bundle) -> None:
        number = max((meta["round"] for meta in b.all("meta").values() if meta["kept"]), default=0)
        self.bundle, self.items = b, b.all("items")
        self.taken = b.all("evidence").get(f"{number}.more") or b.all("evidence")[str(number)]
        self.spec = tomllib.loads(b.files["template/template.toml"].decode())
        self.sign = 1.0 if self.spec["objective"].get("direction") == "maximize" else -1.0
        self.claim, self.plan = self.taken["claim"], self.taken["preregistration"]
        outcomes = {row["run"]: row for row in b.rows["outcomes"]}
        last = len(self.taken["extensions"])
        self.runs = []
        for row in sorted(b.rows["runs"], key=lambda row: row["id"]):
            outcome = outcomes.get(row["id"], {"metrics": "{}", "status": ""})
            told = {"ran": row["id"] in outcomes, "good": outcome["status"] == "ok"}
            told |= {"phase": self.phase(row["phase"], last), "metrics": json.loads(outcome["metrics"])}
            self.runs += [row | told] if row["id"] <= self.taken["last_run"] else []
        self.trials = [row for row in b.rows["trials"] if row["number"] < self.taken["trials"]]
        verdicts = {row["trial"]: row for row in b.rows["verdicts"]}
        self.verdicts = [verdicts.get(row["number"], {}) for row in self.trials]

    def phase(self, name: str, last: int) -> str:
        if not last or name in ("search", "beside", "rung"):
            return name
        own = name.removesuffix(f" {last}")
        return own if own != name or name.split(" ")[-1].isdigit() else f"earlier.{name}"

    def fitness(self, metrics: dict[str, float]) -> float:
        """The objective with the penalties of the constraints."""
        penalty = 0.0
        for c in self.spec.get("constraint", []):
            value = metrics[c["metric"]]
            outside = max(0.0, value - c.get("max", math.inf)) + max(0.0, c.get("min", -math.inf) - value)
            penalty += c.get("penalty", 0.0) * outside
        return max(-1e300, min(1e300, metrics[self.spec["objective"]["metric"]] - self.sign * penalty))

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

    def tested(self, first: list[dict], second: list[dict], split: str, claim: bool) -> dict[str, float]:
        """How much better the second runs are than the first, by the rule of the claim or of its parts."""
        losses, coverage = (self.claim.get(k, v) if claim else v for k, v in (("losses", False), ("coverage", 0.95)))
        after = {run["seed"]: run for run in second if run["good"] or (losses and run["ran"])}
        both = [(run, after[run["seed"]]) for run in first if run["good"] and run["seed"] in after]
        values = [[self.sign * self.fitness(r["metrics"][split]) if r["good"] else None for r in pair] for pair in both]
        worst = min((v for pair in values for v in pair if v is not None), default=0.0)
        pairs, trim = [(a, worst if b is None else b) for a, b in values], self.claim.get("trim", 0.0)
        rows = self.by_items(both, [b - a for a, b in pairs]) if claim and split == "holdout" else []
        return crossed(rows, trim, coverage, self.claim.get("skewed", False)) or paired(pairs, trim, coverage)

    def by_items(self, both: list[tuple[dict, dict]], differences: list[float]) -> list[tuple[list, list]]:
        """What each pair of runs differs by, item by item, moved to the pair's own difference; with the groups."""
        rows, lost = [], [d for (_, run), d in zip(both, differences, strict=True) if not run["good"]]
        for (first, second), difference in zip(both, differences, strict=True):
            if second["good"]:
                (before, groups), (after, others) = self.values(first), self.values(second)
                if not before or not after or groups != others:
                    return []
                own = [self.sign * (b - a) for a, b in zip(before, after, strict=True)]
                shift = difference - math.fsum(own) / len(own)
                rows.append(([v + shift for v in own], groups or list(range(len(own)))))
        return rows + [([v] * len(rows[0][1]), rows[0][1]) for v in lost] if rows else []

    def values(self, run: dict) -> list[list]:
        """A run's values by item on the holdout, and their groups. Raises NotMine without the arrays and for draws."""
        table, found = self.items.get(str(run["id"]), {"of": {}})["of"].get("holdout", {}), []
        for name in (self.spec["objective"]["metric"], "group"):
            data = self.bundle.files.get(f"items/{table.get(name)}.npy")
            if name in table and (data is None or self.plan.get("draws")):
                raise NotMine
            start = 10 + int.from_bytes(data[8:10], "little") if data else 0
            kind = {"<f8": "d", "<i8": "q"}[ast.literal_eval(data[10:start].decode())["descr"]] if data else "d"
            found.append(list(struct.unpack(f"<{len(data[start:]) // 8}{kind}", data[start:])) if data else [])
        return found


class NotMine(Exception): ...  # a formula that this program does not compute


def effect(e: Evidence, phase: str, subject: str, part: str, split: str = "dev") -> float:
    """A part of the claim's effect, or of what a part of the best contributes."""
    own, best = phase == "confirm", "best" if e.claim["best"] else "baseline"
    if own and not e.claim["tested"]:
        return e.claim["p_value" if part == "p" else part]
    if (phase, part) == ("ablate", "p"):
        raise NotMine
    return e.tested(e.of(phase, subject), e.of("confirm", best), split, own)[part]


def told_of(e: Evidence, subject: str, statistic: str, score) -> float:
    values = [score(run["metrics"]) for run in e.confirmed(subject)]
    mean, stderr = trimmed(values, 0)[0], math.sqrt(trimmed(values, 0)[1])
    return {**weighed(mean, stderr, len(values) - 1, len(values), 0.95), "mean": mean, "stderr": stderr}[statistic]


FORMULAS = {  # of the evidence and the arguments of a fact
    "study_setting": lambda e, a: e.taken["settings"][a["name"]],
    "planned": lambda e, _: len(e.plan["seeds"]),
    "preregistered": lambda e, a: e.plan[a["key"]],
    "settled": lambda e, _: sum(map(bool, e.verdicts)) - 1,
    "trials": lambda e, a: sum(v.get("kind") == a["verdict"] for v in e.verdicts),
    "failures": lambda e, a: sum(v.get("kind") == "failed" and v["cause"] == a["cause"] for v in e.verdicts),
    "runs": lambda e, a: sum(run["phase"] == a["phase"] for run in e.runs),
    "all_runs": lambda e, _: len(e.runs),
    "failed_confirmations": lambda e, _: sum(run["phase"] == "confirm" and not run["good"] for run in e.runs),
    "parameter": lambda e, a: json.loads(e.trials[a["trial"]]["params"])[a["name"]],
    "trial_mean": lambda e, a: moments([e.fitness(run["metrics"]["dev"]) for run in e.searched(a["trial"])])[0],
    "replicates": lambda e, _: len(e.searched(e.claim["best"])),
    "fitness": lambda e, a: told_of(e, a["subject"], a["statistic"], lambda m: e.fitness(m[a["split"]])),
    "measured": lambda e, a: told_of(e, a["subject"], a["statistic"], lambda m: m[a["split"]][a["metric"]]),
    "claim_coverage": lambda e, a: None if a.get("number") else 100 * e.claim.get("coverage", 0.95),
    "claimed": lambda e, a: effect(e, "confirm", "baseline", a["part"], a["split"]),
    "ablated": lambda e, a: effect(e, "ablate", a["component"], a["part"]),
    "stepped": lambda e, a: effect(e, "sensitivity", a["step"], a["part"]),
}


def check_facts(b: Bundle, counts: dict, skipped: set):
    if "paper/evidence.json" not in b.files:
        return
    e = Evidence(b)
    facts = parsed(b.files["paper/evidence.json"])
    for part, told in (("effect", "effect"), ("low", "low"), ("high", "high"), ("p", "p_value")):
        more = {"arguments": {"part": part, "split": e.claim["split"]}, "value": e.claim[told]}
        facts.append({"id": f"{part} of the claim", "formula": "claimed", **more})
    for fact in facts:
        formula, asked = fact["formula"], fact["arguments"]
        try:
            found = FORMULAS[formula](e, asked) if formula in FORMULAS else None
        except NotMine:
            found = None
        counts["facts"] += found is not None
        if found is None:
            skipped.add(f"facts by the formula {formula}")
        elif not math.isclose(found, fact["value"], rel_tol=1e-7, abs_tol=1e-9 * (asked.get("part") != "p")):
            yield f"fact {fact['id']}: the paper has {fact['value']}, its runs come to {found}"
    if e.claim["tested"] and e.claim["significant"] and not e.claim["p_value"] < e.plan["level"]:
        yield "claim: called significant above its level"


def check(path: str, head: str = "") -> dict:
    problems, counts, skipped = [], {"facts": 0}, set(NOT_MINE)
    try:
        b = Bundle(path)
        counts |= {"links": len(b.chain), "runs": len(b.rows["runs"]), "trials": len(b.rows["trials"])}
        problems += [*check_sums(b), *check_chain(b, head, skipped), *check_files(b, skipped), *check_seal(b)]
        problems += [*check_order(b), *check_completeness(b), *check_facts(b, counts, skipped)]
    except Exception as error:  # noqa: BLE001 - whatever somebody else's file leads to
        problems.append(f"{path}: it cannot be read as a bundle: {type(error).__name__}: {error}")
    return {"ok": not problems, "problems": problems, "checked": counts, "not_checked": sorted(skipped)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--head", default="", help="the ledger's head as it was known elsewhere")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    result = check(asked.bundle, "".join(asked.head.split()).lower())
    done = ", ".join(f"{count} {what}" for what, count in result["checked"].items())
    lines = [*result["problems"], "not computed here: " + "; ".join(result["not_checked"])]
    lines += [f"{done}: {'no problem found' if result['ok'] else str(len(result['problems'])) + ' problems'}"]
    print(json.dumps(result) if asked.json else "\n".join(lines))
    sys.exit(not result["ok"])


if __name__ == "__main__":
    main()
