"""The report of a study of somebody's folders: one HTML file, the decision first, then what it stands on.

What was measured goes before what a law says, harm is called harm, and where the runs cannot decide the page
says which runs would and what they cost.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from transferlaws.design.question import BASELINE
from transferlaws.errors import TransferLawsError
from transferlaws.figures import gains, losses
from transferlaws.files import write_atomic
from transferlaws.laws import SCRATCH, Fit, Gain, Interval, gain, read_laws
from transferlaws.planner import Decision, MeasuredCell, decide_without_law, predict, should_pretrain
from transferlaws.reports.freeze import freeze
from transferlaws.reports.markup import Markup, chart, interval, number, page, table, tag
from transferlaws.reports.own import Folders, what_was_read
from transferlaws.reports.worth import worth_in_data
from transferlaws.study import Study

MORE_DATA, LARGER = 2, 4
WATTS = {"cpu": 10.0, "cuda": 700.0}
"""Of one core with its share of memory, and of one GPU at full load: assumptions, said on the page."""
LEADS = {True: "Yes", False: "No", None: "These runs cannot say"}
WARNING = "warning: "


@dataclass(frozen=True)
class Evidence:
    """A finished study, its laws and decisions, each source for itself: one takes no other along."""

    study: Study
    laws: Mapping[str, Any]
    fits: Mapping[str, Fit]
    unfitted: Mapping[str, str]
    results: Path

    @classmethod
    def of(cls, study: Study, *, bootstrap: int, seed: int) -> "Evidence":
        """Freeze a study and fit what can be fitted."""
        results = freeze(study, bootstrap=bootstrap, seed=seed)
        fits, unfitted = {}, {}
        for source in study.question.sources:
            try:
                fits[source] = study.fit(source=source, bootstrap=bootstrap, seed=seed)
            except TransferLawsError as error:
                unfitted[source] = str(error)
        return cls(study, read_laws(results / "laws.json"), fits, unfitted, results)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The runs proper that succeeded."""
        return self.study.table()

    @cached_property
    def gains(self) -> dict[str, list[Gain]]:
        """What was measured, by source."""
        return {source: gain(self.runs, source) for source in self.study.question.sources}

    @property
    def asked(self) -> tuple[int, int]:
        """The cell that is decided on: the largest model, on the most data of the study."""
        return max(size.n_params for size in self.study.scale.sizes), self.study.scale.d_chars[-1]

    @property
    def given(self) -> bool:
        """Whether the pre-trained models are somebody's, given to the study."""
        return self.study.question.titles.given

    @cached_property
    def decisions(self) -> dict[str, Decision]:
        """Whether to pre-train on each source, at the cell that is asked about."""
        return {source: self._decision(source) for source in self.study.question.sources}

    def _decision(self, source: str) -> Decision:
        if any(row["source"] == source for row in self.laws["rows"]):
            return should_pretrain(self.laws, source, *self.asked, 0 if self.given else None)
        cells = [MeasuredCell.of(cell.to_json()) for cell in self.gains[source]]
        why = self.unfitted.get(source, "no method gave one")
        return decide_without_law(cells, *self.asked, why)

    def pair_seconds(self, source: str) -> float | None:
        """Core-seconds of one run of each arm in the cell that is asked about; None if it was not run."""
        n, d = self.asked
        runs = self.study.table()
        here = runs[(runs["n_params"] == n) & (runs["d_chars"] == d)]
        both = [here.loc[here["arm"] == arm, "seconds"].mean() for arm in (BASELINE, source)]
        return float(sum(both)) if np.isfinite(both).all() else None


def write_report(folders: Folders, study: Study, *, bootstrap: int, seed: int) -> Path:
    """Freeze the study of some folders and write `report.html`, beside the frozen results; returns its path.

    A source whose law cannot be fitted is reported by what was measured of it. Raises TransferLawsError if
    nothing was trained or the disk is full.
    """
    found, out = Evidence.of(study, bootstrap=bootstrap, seed=seed), folders.out
    title = f"What is pre-training worth for {study.question.titles.target}?"
    text = page(
        title,
        tag("h1", title),
        *_decided(found),
        *_instead(found),
        *_measured(found),
        *worth_in_data(found.runs, list(study.question.sources), study.question.titles),
        *_laws(found),
        *_read(found, what_was_read(folders)),
        *_bill(found, out),
        *_again(found, out),
    )
    write_atomic(out / "report.html", text)
    return out / "report.html"


def _decided(found: Evidence) -> Iterator[Markup]:
    titles, (n, d) = found.study.question.titles, found.asked
    yield tag(
        "p", f"For a model of {n:,} parameters (without embeddings) and {d:,} characters of {titles.target}, "
        "the largest of both that were run:",
    )  # fmt: skip
    for source, decision in found.decisions.items():
        lead = "No: it costs data here" if decision.hurts else LEADS[decision.pretrain]
        look = {True: "verdict yes", False: "verdict no", None: "verdict"}[decision.pretrain]
        parts = [
            tag("h3", f"{'Start from' if found.given else 'Pre-train on'} {titles.source(source)}? {lead}."),
            tag("p", f"{decision.reason[:1].upper()}{decision.reason[1:]}."),
        ]
        if decision.pretrain is None and (seconds := found.pair_seconds(source)) is not None:
            parts.append(tag("p", f"One seed more of both arms there takes {_hours(seconds)}."))
        yield tag("section", *parts, class_=look)


def _instead(found: Evidence) -> Iterator[Markup]:
    """What would change the loss: more data, a larger model, each source, with intervals."""
    titles, (n, d) = found.study.question.titles, found.asked
    rows: list[tuple[object, ...]] = [
        (f"{MORE_DATA} times the data", *_lowered(found, n, MORE_DATA * d)),
        (f"a model {LARGER} times as large", *_lowered(found, LARGER * n, d)),
    ]
    for source, decision in found.decisions.items():
        measured, law = decision.gain.measured, decision.gain
        said: object = law.reason or "not known"
        how = "not known"
        if measured is not None and measured["value"] is not None:
            said, how = interval(Interval(measured["value"], measured["low"], measured["high"])), "measured"
        elif law.value is not None:
            said, how = interval(Interval(law.value, law.low, law.high)), "by the law"
        does = "starting from" if found.given else "pre-training on"
        rows.append((f"{does} {titles.source(source)}", said, how))
    yield tag("h2", "What would change it")
    columns = ("beside the same model from scratch", "lowers the loss by (nats/token)", "how that is known")
    yield table("More data, a larger model, or pre-training", columns, rows, words=True)


def _lowered(found: Evidence, n: float, d: float) -> tuple[object, str]:
    """What the from-scratch curves say that another size or amount of data would bring."""
    try:
        here = predict(found.laws, SCRATCH, *found.asked, "loss")
        there = predict(found.laws, SCRATCH, n, d, "loss")
    except TransferLawsError as error:
        return "not known", str(error)
    if here.value is None or there.value is None:
        return "not known", there.reason or here.reason
    curve = found.laws["scratch"][0]
    low = high = None
    value = here.value - there.value
    if curve.get("sd_nats") is not None and curve.get("dof"):
        # Two points of the curves, each as uncertain as runs lie about them.
        reach = float(student.ppf(0.975, curve["dof"])) * curve["sd_nats"] * np.sqrt(2.0)
        low, high = value - reach, value + reach
    return interval(Interval(value, low, high)), "by the from-scratch curves"


def _measured(found: Evidence) -> Iterator[Markup]:
    titles = found.study.question.titles
    yield tag("h2", "What was measured")
    if any(found.gains.values()):
        caption = (
            "Loss from scratch less loss after pre-training, with 95 % intervals: above zero pre-training "
            "helped, below it cost data."
        )
        yield chart(gains.gains(found.gains, titles), "gains", caption)
    for place, (source, fit) in enumerate(found.fits.items()):
        caption = (
            f"Test loss against characters of {titles.target}, from scratch and {titles.arm(source)}. "
            "The arrow is data transferred: what the from-scratch model lacks."
        )
        yield chart(losses.hero(found.runs, fit, titles), f"loss{place}", caption)
    columns = ("N", "characters", "from scratch", "pre-trained", "gain measured", "pairs", "gain by the law")
    for source, cells in found.gains.items():
        rows = (
            (
                f"{cell.n_params:,.0f}",
                f"{cell.d_chars:,.0f}",
                number(cell.loss_scratch, 4),
                number(cell.loss, 4),
                interval(cell.gain),
                cell.n_pairs,
                _by_law(found, source, cell),
            )
            for cell in cells
        )
        yield table(f"Every cell, {titles.source(source)}: losses and gains in nats/token", columns, rows)
        yield from _untrained(found, source)


def _untrained(found: Evidence, source: str) -> Iterator[Markup]:
    """The losses of the pre-trained models before any training on the target."""
    titles, runs = found.study.question.titles, found.runs
    before = runs[(runs["arm"] == source) & (runs["d_chars"] == 0)].sort_values("n_params")
    if len(before):
        said = ", ".join(f"{row.loss:.4g} (N = {row.n_params:,})" for row in before.itertuples())
        how = "as they were saved" if found.given else "as pre-trained"
        yield tag("p", f"Without any of {titles.target}, {how}, their loss is {said} nats/token.")


def _by_law(found: Evidence, source: str, cell: Gain) -> object:
    if source not in found.fits:
        return "no law"
    if MeasuredCell.of(cell.to_json()).hurts:
        return "none: a law of transfer cannot say harm"
    law = predict(found.laws, source, cell.n_params, cell.d_chars, "gain")
    return law.reason if law.value is None else interval(Interval(law.value, law.low, law.high))


def _laws(found: Evidence) -> Iterator[Markup]:
    titles = found.study.question.titles
    yield tag("h2", "The law")
    yield tag(
        "p", Markup("Data transferred D<sub>T</sub> = k D<sub>F</sub><sup>α</sup> N<sup>β</sup>, in "
        "characters: the target data that pre-training stood in for."),
    )  # fmt: skip
    rows = (
        (titles.source(source), *map(interval, (fit.k, fit.alpha, fit.beta)), fit.n_runs, fit.status.words)
        for source, fit in found.fits.items()
    )
    if found.fits:
        yield table("Exponents with 95 % intervals", ("source", "k", "α", "β", "runs", "status"), rows)
    for source, fit in found.fits.items():
        yield tag("p", tag("strong", titles.source(source)), ": ", " ".join(fit.verdicts))
        if fit.notes:
            yield tag("ul", *(tag("li", note) for note in fit.notes), class_="soft")
    for source, why in found.unfitted.items():
        yield tag("p", tag("strong", titles.source(source)), f": no law could be fitted: {why}.")
    if len(found.study.scale.sizes) == 1:
        yield tag(
            "p", "One size was run. What its cells were worth in data stands above; how that changes with "
            "size no run here says.",
        )  # fmt: skip


def _read(found: Evidence, lines: Iterable[str]) -> Iterator[Markup]:
    study = found.study
    yield tag("h2", "What was read")
    yield tag("ul", *(tag("li", line, class_=line.startswith(WARNING) and "warning") for line in lines))
    text, titles = study.question.tokenization, study.question.titles
    own = found.runs[found.runs["d_tokens"] > 0]
    fertility = float(own["d_chars"].sum() / own["d_tokens"].sum()) if len(own) else float("nan")
    origin = (
        "that of the models"
        if found.given
        else f"{text.kind}, learnt from the training split of {titles.corpus(text.corpus)}"
    )
    yield tag(
        "p",
        f"Tokenizer: {origin}, {study.plan.vocabulary_size:,} tokens; a token of {titles.target} has ",
        number(fertility),
        " characters.",
    )
    if not found.given:
        read = sorted({int(n) for n in found.runs["pretrain_chars"].dropna() if n > 0})
        counts = ", ".join(f"{n:,}" for n in read) or "0"
        yield tag("p", f"Pre-trained on {counts} characters, {study.scale.pretrain_tokens:,} tokens.")


def _bill(found: Evidence, out: Path) -> Iterator[Markup]:
    everything = found.study.table(everything=True)
    rows, total = [], np.zeros(3)
    for (role, arm), runs in everything.groupby(["role", "arm"], sort=False):
        spent = np.array([runs["seconds"].sum(), runs["flops"].sum(), _watt_seconds(runs)])
        total += spent
        what = "scored as it was saved" if found.given and role == "pretrain" else role
        rows.append((f"{what}, {arm}", len(runs), *_spent(spent)))
    design = _design(out)
    if design is not None:
        pilot = design["pilot"]["core_seconds"]
        spent = np.array([pilot, np.nan, pilot * WATTS["cpu"]])
        total += np.nan_to_num(spent)
        rows.append(("pilot", design["pilot"]["runs"], *_spent(spent)))
    yield tag("h2", "What it cost")
    columns = ("", "runs", "core-hours", "FLOPs", "kWh")
    yield table("The bill", columns, [*rows, ("all", sum(row[1] for row in rows), *_spent(total))])
    assumed = f"{WATTS['cpu']:g} W a core with its share of memory, {WATTS['cuda']:g} W a GPU"
    said = f"Core-hours are the runs' own time, one core each; energy is not measured but assumed: {assumed}."
    yield tag("p", said, class_="soft")
    if design is not None:
        spent_hours = sum(total[:1]) / 3600
        yield tag(
            "p",
            f"Asked for were {design['core_hours']:g} core-hours, spent were ",
            number(spent_hours),
            ". The design was written before: ",
            tag("code", "design.md"),
            ".",
        )


def _spent(spent: np.ndarray) -> tuple[Markup, Markup, Markup]:
    return number(spent[0] / 3600), number(spent[1]), number(spent[2] / 3.6e6)


def _watt_seconds(runs: pd.DataFrame) -> float:
    kind = runs["device"].fillna("").astype(str).str.split(" ").str[0]
    return float((runs["seconds"] * kind.map(WATTS).fillna(WATTS["cpu"])).sum())


def _design(out: Path) -> dict[str, Any] | None:
    """The design that was written before, if this study was made for a number of core-hours."""
    path = out / "design.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def _again(found: Evidence, out: Path) -> Iterator[Markup]:
    laws = found.results.relative_to(out) / "laws.json"
    (n, d), main = found.asked, found.study.question.main
    yield tag("h2", "Go on from here")
    lines = [
        ("the same command", "goes on where it stopped, and writes this page anew"),
        (f"{found.results.relative_to(out)}/runs.csv", "every run, a row each"),
    ]
    if any(row["source"] == main for row in found.laws["rows"]):
        asks = f"--source {quote(main)} --n-params {n} --d-chars {d}"
        verb = f"transferlaws predict --laws {quote(str(laws))} {asks}"
        lines.append((verb, "asks about another size or amount of data"))
    yield tag("ul", *(tag("li", tag("code", what), f" {does}") for what, does in lines))


def _hours(seconds: float) -> Markup:
    return Markup(f"{number(seconds / 3600)} core-hours")
