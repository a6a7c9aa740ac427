"""The verbs that need runs only as a table: fit, compare, power.

Thin: each reads its arguments, makes one or two library calls and prints. What is set aside of a table goes
to standard error, the answer to standard output. A table that is none of ours is read as `ingest` reads it.
"""

import json as json_module
import sys
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from transferlaws.cli.output import say
from transferlaws.cli.prices import NO_PRICES, PriceOptions
from transferlaws.errors import TransferLawsError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from transferlaws.laws import LossForm

SPOILT = ("is not positive", "is negative", "is not finite")
"""How `ingest` says that a value is none that a run can have, for which it sets rows aside."""


def fit(
    table: Annotated[Path, tyro.conf.Positional],
    /,
    method: str = "loss_space",
    law: str = "hernandez",
    source: str | None = None,
    map: str = "",
    baseline: str = "scratch",
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    drop_highest: int = 0,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Fit the law of transfer, or a law of loss, to a table of runs.

    The table is a CSV with one row a run and the columns n_params, arm (scratch, or the name of a source),
    d_chars, seed and loss. A law of loss (--law chinchilla) needs n_params, d_tokens and loss only. Tables as
    other tools write them are read too, and it is said how. What varies within a cell, such as a learning
    rate, is tuning, of which the best counts.

    Example: transferlaws fit runs.csv --method loss_space,paper,logit --out laws.json

    Args:
        table: the runs.
        method: one or more of loss_space, paper, logit, with commas.
        law: hernandez, or chinchilla, tied (the same with one exponent for size and data), kaplan,
            multiplicative, rectified, transfer_gap, eq_6_1, broken_power; at one size data or rectified_data,
            which chinchilla and rectified become there.
        source: fit this source only; default all of them (a law of loss: the scratch arm).
        map: columns under other names, such as n_params=params,arm=group.
        baseline: what the table calls the arm trained from scratch.
        bootstrap: redrawn studies behind the intervals.
        seed: seed of the bootstrap.
        level: level of the intervals.
        drop_highest: leave out this many rows of highest loss (and say so), as published refits do.
        out: write laws.json here.
        json: print laws.json instead of a table.
    """
    from transferlaws import laws, recall
    from transferlaws.files import refuse_input_as_output

    if out is not None:
        refuse_input_as_output(out, table)
    form = None if law == "hernandez" else _form(law)
    runs = runs_in(table, map, baseline, form)
    runs = laws.without_highest(runs, drop_highest)
    _say(table, laws.notes(runs))
    found: list[Any]
    if form is None:
        methods = [name.strip() for name in method.split(",") if name.strip()]
        wrong = [name for name in methods if name not in laws.METHODS]
        if wrong or not methods:
            raise UsageError(
                f"--method {method!r} holds {wrong or 'nothing'}; it takes {', '.join(laws.METHODS)}"
            )
        sources = [source] if source else laws.sources(runs)
        found, failed = recall.fit_all(runs, methods, sources, bootstrap=bootstrap, seed=seed, level=level)
        reasons = [f"{name}, {each}: {why}" for (name, each), why in failed.items()]
        if not found:
            raise TransferLawsError(
                f"{table}: {[*reasons, 'the table has no usable row of a source beside scratch'][0]}"
            )
        _say(table, reasons)
    else:
        found = [recall.fit_form(form, runs, source, bootstrap=bootstrap, seed=seed, level=level)]
    document = laws.laws_document(
        found, table=runs, table_sha256=runs.attrs["sha256"], seed=seed, bootstrap=bootstrap
    )
    if out:
        laws.write_laws(out, document)
    if json:
        say(json_module.dumps(document, indent=1, allow_nan=False))
        return 0
    for each in found:
        say(each.summary(said=laws.notes(runs)))
    if out:
        say(f"written to {out}")
    return 0


def runs_in(
    table: Path, map: str = "", baseline: str = "scratch", form: "type[LossForm] | None" = None
) -> "pd.DataFrame":
    """The usable runs of a table as it stands or, if it cannot be read so, as `ingest` understands it."""
    from transferlaws import laws
    from transferlaws.files import sha256_file

    armless, zero_data = form is not None, form is not None and form.at_zero
    columns = _columns(map)
    try:
        return laws.read_table(
            table, columns=columns, baseline=baseline, armless=armless, zero_data=zero_data
        )
    except TransferLawsError as error:
        said = str(error)
        if not map and baseline == "scratch" and table.is_file():
            frame, understood = _understood(table)
            if frame is not None:
                with suppress(TransferLawsError):
                    runs = laws.check_table(frame, armless=armless, zero_data=zero_data, where=str(table))
                    runs.attrs["notes"] = (*understood, *laws.notes(runs))
                    runs.attrs["sha256"] = sha256_file(table)
                    return runs
                if not armless and "arm" not in frame:
                    said += "; without arms it is for a law of loss: transferlaws fit TABLE --law chinchilla"
        raise TransferLawsError(said) from error


def _understood(table: Path) -> "tuple[pd.DataFrame | None, tuple[str, ...]]":
    """A table as `ingest` reads it, and what it understood; None where a value is left unread or spoilt."""
    from transferlaws.ingest import look

    try:
        looked = look([table])
    except TransferLawsError:
        return None, ()
    unread = any(one.unread for one in looked.understood)
    if unread or looked.missing or any(one.why.endswith(SPOILT) for one in looked.runs.aside):
        return None, ()
    (one,) = looked.understood
    renamed = [f"{each.name} from {each.source}" for each in one.targets if each.name != each.source]
    aside = (f"set aside {each.summary()}" for each in looked.runs.aside)
    said = ": ".join(
        ["read as `transferlaws ingest` reads it, " + one.kind, *([", ".join(renamed)] * bool(renamed))]
    )
    return looked.runs.table, (said, *one.notes, *aside, *looked.runs.notes)


def _form(law: str) -> "type[LossForm]":
    from transferlaws.laws import LOSS_FORMS

    forms = {**LOSS_FORMS, "chinchilla": LOSS_FORMS["additive"]}
    if law not in forms:
        raise UsageError(f"--law is {law!r}; it takes hernandez, {', '.join(sorted(forms))}")
    return forms[law]


def _columns(map: str) -> dict[str, str]:
    """The columns that --map names: n_params=params,arm=group."""
    pairs = [pair.split("=") for pair in map.split(",") if pair.strip()]
    if any(len(pair) != 2 or not all(name.strip() for name in pair) for pair in pairs):
        raise UsageError(f"--map is {map!r}; it takes pairs such as n_params=params,arm=group")
    return {ours.strip(): theirs.strip() for ours, theirs in pairs}


def _say(table: Path, notes: Iterable[str]) -> None:
    for note in notes:
        say(f"transferlaws: note: {table}: {note}", file=sys.stderr)


def compare(
    table: Annotated[Path, tyro.conf.Positional],
    /,
    source: str | None = None,
    map: str = "",
    baseline: str = "scratch",
    prices: tyro.conf.OmitArgPrefixes[PriceOptions] = NO_PRICES,
    seed: int = 0,
    json: bool = False,
) -> int:
    """Which law predicts runs it has not seen: held-out error of every form, and what its advice costs.

    The largest size and both ends of the data sizes are held out before anything is fitted. Regret is what
    following a form loses, in nats/token a choice: between a held-out model and the same from scratch, one
    from scratch with more data, or a larger one. At prices, in any one currency, it is also what a choice
    loses of them: somebody needs the loss that the one from scratch has, the pre-trained one is cheaper, and
    its price is lost if it does not get there, or the difference if it does and is not tried.

    Example: transferlaws compare runs.csv --source text --per-char 1

    Args:
        table: the runs, as for `fit`.
        source: the source to compare on; default each.
        map: columns under other names, such as n_params=params,arm=group.
        baseline: what the table calls the arm trained from scratch.
        prices: what data and computing cost; --per-char 1 alone is regret in characters.
        seed: seed of the fits.
        json: print one JSON document.
    """
    from transferlaws import laws, planner, recall

    priced_at = prices.checked() if prices.named else None
    runs = runs_in(table, map, baseline)
    _say(table, laws.notes(runs))
    found = [recall.compare(runs, name, seed=seed) for name in ([source] if source else laws.sources(runs))]
    if not found:
        raise TransferLawsError(f"{table}: the table has no usable row of a source beside scratch")
    lost = [laws.regret(runs, each) for each in found]
    if priced_at is not None:
        priced = [planner.regret_at(priced_at, runs, each) for each in found]
        lost = [table_of for table_of, _ in priced]
        _say(table, (note for _, note in priced if note))
    scores = [each.scores.merge(of, on="form", how="left") for each, of in zip(found, lost, strict=True)]
    if json:
        documents = [
            {
                "source": each.source,
                "held_out": each.declared,
                "scores": json_module.loads(table_of.to_json(orient="records")),
            }
            for each, table_of in zip(found, scores, strict=True)
        ]
        say(json_module.dumps(documents, indent=1))
        return 0
    for each, table_of in zip(found, scores, strict=True):
        say(each.declared)
        columns = ("form", "parameters", "error in loss", "worst", "error in D_E", "regret")
        at_prices = ("price lost", "of at least", "choices") if "price_regret" in table_of else ()
        say("{:16}{:>11}{:>15}{:>9}{:>14}{:>10}".format(*columns) + "".join(f"{c:>13}" for c in at_prices))
        for row in table_of.to_dict("records"):
            worst, data = (
                "" if row[k] != row[k] else f"{100 * row[k]:.2f} %"
                for k in ("worst_loss", "error_d_effective")
            )
            nats = "" if row["regret"] != row["regret"] else f"{row['regret']:.4f}"
            error = f"{100 * row['error_loss']:.2f} %"
            line = f"{row['form']:16}{row['n_free']:>11}{error:>15}{worst:>9}{data:>14}{nats:>10}"
            say(line + (_at_prices(row) if at_prices else ""))
    return 0


def _at_prices(row: "dict[Hashable, Any]") -> str:
    """The last columns of a form: what its advice loses a choice, what a choice takes at least, how many."""
    if row["price_regret"] != row["price_regret"]:
        return ""
    return f"{row['price_regret']:>13.4g}{row['price_least']:>13.4g}{row['n_priced']:>13}"


def power(
    n_params: tuple[float, ...] = (3100, 12000, 50000, 200000),
    d_chars: tuple[float, ...] = (1e4, 3e4, 1e5, 3e5, 1e6),
    seeds: int = 3,
    noise: float = 0.01,
    k: float = 40.0,
    alpha: float = 0.4,
    beta: float = 0.5,
    studies: int = 20,
    table: Path | None = None,
    source: str | None = None,
    seed: int = 0,
    json: bool = False,
) -> int:
    """Can a design see the exponents: plant a law, simulate the study, fit it, count.

    With --table it ranks instead which run to add next to these runs, by what it tells about beta per unit
    of cost.

    Example: transferlaws power --n-params 3100 12000 50000 --d-chars 1e4 1e5 1e6 --seeds 3 --noise 0.02

    Args:
        n_params: sizes of the design.
        d_chars: data sizes of the design, characters.
        seeds: seeds of every cell.
        noise: standard deviation of one run, nats/token.
        k: planted law.
        alpha: planted law.
        beta: planted law.
        studies: simulated studies.
        table: runs that exist; rank what to run next.
        source: the source of `table`; default its sole one.
        seed: seed of the simulation.
        json: print one JSON document.
    """
    from transferlaws import laws

    if table:
        frame = laws.next_cells(runs_in(table), source).head(12)
    else:
        design, law = laws.Design(n_params, d_chars, seeds), laws.Hernandez(k, alpha, beta)
        frame = laws.power(design, law, noise, studies, seed=seed).summary.reset_index(names="parameter")
    text = frame.to_string(index=False, float_format="{:.3g}".format)
    say(frame.to_json(orient="records", indent=1) if json else text)
    return 0


VERBS: dict[str, Callable[..., Any]] = {"fit": fit, "compare": compare, "power": power}
