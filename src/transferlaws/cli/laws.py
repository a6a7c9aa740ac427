"""The verbs that need runs only as a table: fit, compare, power.

Thin: each reads its arguments, makes one or two library calls and prints. What is set aside of a table goes
to standard error, the answer to standard output.
"""

import json as json_module
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import tyro

from transferlaws.errors import TransferLawsError, UsageError


def fit(
    table: Annotated[Path, tyro.conf.Positional],
    /,
    method: str = "loss_space",
    law: str = "hernandez",
    source: str = "",
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    drop_highest: int = 0,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Fit the law of transfer, or a law of loss, to a table of runs.

    The table is a CSV with one row a run and the columns n_params, arm (scratch, or the name of a source),
    d_chars, seed and loss. A law of loss (--law chinchilla) needs n_params, d_tokens and loss only.

    Example: transferlaws fit runs.csv --method loss_space,paper,logit --out laws.json

    Args:
        table: the runs.
        method: one or more of loss_space, paper, logit, with commas.
        law: hernandez, or chinchilla, kaplan, multiplicative, rectified, transfer_gap, eq_6_1, broken_power.
        source: fit this source only; default all of them (a law of loss: the scratch arm).
        bootstrap: redrawn studies behind the intervals.
        seed: seed of the bootstrap.
        level: level of the intervals.
        drop_highest: leave out this many rows of highest loss (and say so), as published refits do.
        out: write laws.json here.
        json: print laws.json instead of a table.
    """
    from transferlaws.files import sha256_file
    from transferlaws.laws.data.table import notes, read_table, sources
    from transferlaws.laws.document import laws_document, write_laws

    if law == "hernandez":
        runs = _drop(read_table(table), drop_highest)
        fits, failed = _transfer_fits(
            runs, method, [source] if source else sources(runs), bootstrap, seed, level
        )
    else:
        runs, fits = _loss_fit(table, law, source, bootstrap, seed, level, drop_highest)
        failed = []
    for note in notes(runs):
        print(f"transferlaws: note: {table}: {note}", file=sys.stderr)
    if not fits:
        raise TransferLawsError(
            f"{table}: {failed[0] if failed else 'the table has no source beside scratch'}"
        )
    for why in failed:
        print(f"transferlaws: note: {table}: {why}", file=sys.stderr)
    document = laws_document(fits, table_sha256=sha256_file(table), seed=seed, bootstrap=bootstrap)
    if out:
        write_laws(out, document)
    if json:
        print(json_module.dumps(document, indent=1, allow_nan=False))
    else:
        _print_rows(document["rows"], notes(runs))
        if out:
            print(f"written to {out}")
    return 0


def _drop(runs: Any, count: int) -> Any:
    from transferlaws.laws.data.table import notes

    if not count:
        return runs
    if not 0 < count < len(runs):
        raise UsageError(f"--drop-highest is {count}; it takes 0 to {len(runs) - 1}")
    left = runs.drop(runs["loss"].nlargest(count).index)
    left.attrs["notes"] = (*notes(runs), f"left out the {count} rows of highest loss, as asked")
    return left


def _transfer_fits(
    runs: Any, method: str, names: list[str], bootstrap: int, seed: int, level: float
) -> tuple[list[Any], list[str]]:
    from transferlaws.laws.estimators.transfer import METHODS, fit_transfer

    methods = [name.strip() for name in method.split(",") if name.strip()]
    wrong = [name for name in methods if name not in METHODS]
    if wrong or not methods:
        raise UsageError(f"--method {method!r} holds {wrong or 'nothing'}; it takes {', '.join(METHODS)}")
    fits, failed = [], []
    for name in names:
        for each in sorted(methods, key=METHODS.index):
            try:
                fits.append(fit_transfer(runs, name, each, bootstrap, seed, level))
            except TransferLawsError as error:
                # One source or method that cannot be fitted does not take the others with it.
                failed.append(f"{name}, {each}: {error}")
    return fits, failed


def _loss_fit(
    table: Path, law: str, arm: str, bootstrap: int, seed: int, level: float, drop_highest: int
) -> tuple[Any, list[Any]]:
    from transferlaws.laws.data.table import read_table
    from transferlaws.laws.estimators.loss_form import fit_loss_form
    from transferlaws.laws.forms import LOSS_FORMS

    forms = {**LOSS_FORMS, "chinchilla": LOSS_FORMS["additive"]}
    if law not in forms:
        raise UsageError(f"--law is {law!r}; it takes hernandez, {', '.join(sorted(forms))}")
    try:
        header = table.read_bytes()[:4096].decode("utf-8-sig", "replace").splitlines()
    except OSError as error:
        raise TransferLawsError(f"cannot read {table}: {error.strerror or error}") from error
    with_arms = bool(header) and "arm" in [name.strip() for name in header[0].replace(";", ",").split(",")]
    runs = read_table(table) if with_arms else read_table(table, ("n_params", "d_tokens", "loss"))
    runs = _drop(runs, drop_highest)
    return runs, [fit_loss_form(forms[law], runs, arm, bootstrap, seed, level)]


def _print_rows(rows: list[dict[str, Any]], said: tuple[str, ...]) -> None:
    for row in rows:
        print(f"{row['source']}, {row['law']} by {row['method']}: {row['status']}, {row['n_runs']} runs")
        for name, part in row.items():
            if isinstance(part, dict) and "value" in part:
                low, high = ("open" if part[end] is None else f"{part[end]:.4g}" for end in ("low", "high"))
                value = "?" if part["value"] is None else f"{part['value']:.4g}"
                print(f"  {name:16} {value:>10}  [{low}, {high}]  at {100 * row['level']:.0f} %")
        if "n_cells" in row:
            print(
                "  cells            " + ", ".join(f"{count} {name}" for name, count in row["n_cells"].items())
            )
        for note in (note for note in row["notes"] if note not in said):
            print(f"  note: {note}")


def compare(
    table: Annotated[Path, tyro.conf.Positional], /, source: str = "", seed: int = 0, json: bool = False
) -> int:
    """Which law predicts runs it has not seen: held-out error of every form.

    The largest size and both ends of the data sizes are held out before anything is fitted.

    Example: transferlaws compare runs.csv --source text

    Args:
        table: the runs, as for `fit`.
        source: the source to compare on; default each.
        seed: seed of the fits.
        json: print one JSON document.
    """
    from transferlaws.laws.data.table import notes, read_table, sources
    from transferlaws.laws.questions.compare import compare_forms

    runs = read_table(table)
    for note in notes(runs):
        print(f"transferlaws: note: {table}: {note}", file=sys.stderr)
    found = [compare_forms(runs, name, seed=seed) for name in ([source] if source else sources(runs))]
    if not found:
        raise TransferLawsError(f"{table}: the table has no source beside scratch")
    if json:
        documents = [
            {
                "source": c.source,
                "held_out": c.declared,
                "scores": json_module.loads(c.scores.to_json(orient="records")),
            }
            for c in found
        ]
        print(json_module.dumps(documents, indent=1))
        return 0
    for comparison in found:
        print(comparison.declared)
        print(f"{'form':16}{'parameters':>11}{'error in loss':>15}{'worst':>9}{'error in D_E':>14}")
        for row in comparison.scores.to_dict("records"):
            worst, data = (
                "" if row[k] != row[k] else f"{100 * row[k]:.2f} %"
                for k in ("worst_loss", "error_d_effective")
            )
            print(
                f"{row['form']:16}{row['n_free']:>11}{100 * row['error_loss']:>13.2f} %{worst:>9}{data:>14}"
            )
    return 0


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
    source: str = "text",
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
        source: the source of `table`.
        seed: seed of the simulation.
        json: print one JSON document.
    """
    from transferlaws.laws.data.synthetic import Design
    from transferlaws.laws.data.table import read_table
    from transferlaws.laws.forms import Hernandez
    from transferlaws.laws.questions.power import next_cells
    from transferlaws.laws.questions.power import power as simulate

    if table:
        frame = next_cells(read_table(table), source).head(12)
        text = frame.to_string(index=False, float_format="{:.3g}".format)
    else:
        found = simulate(
            Design(n_params, d_chars, seeds), Hernandez(k, alpha, beta), noise, studies, seed=seed
        )
        frame = found.summary.reset_index(names="parameter")
        text = frame.to_string(index=False, float_format="{:.3g}".format)
    print(frame.to_json(orient="records", indent=1) if json else text)
    return 0


VERBS: dict[str, Callable[..., Any]] = {"fit": fit, "compare": compare, "power": power}
