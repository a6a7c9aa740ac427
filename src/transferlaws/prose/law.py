"""A fitted law in words: its numbers beside the paper's, and what its status allows a reader to say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from transferlaws.laws import Fit, FormFit, Hernandez, Interval
from transferlaws.laws.paper import REPORTED
from transferlaws.prose.numbers import Prose, grid, interval, scientific

EXPONENTS = ("alpha", "beta")
MEANINGS = {"alpha": "fine-tuning data", "beta": "size"}


def table(fits: Iterable[Fit], paper: Mapping[str, Hernandez]) -> Prose:
    """k, alpha, beta: the paper's row and ours for each source and method, with status and runs."""
    columns = ("source", "whose", "$k$", "$\\alpha$", "$\\beta$", "$\\beta/\\alpha$", "runs", "status")
    rows: list[tuple[object, ...]] = []
    for source, law in paper.items():
        values = (scientific(law.k), f"{law.alpha:g}", f"{law.beta:g}", f"{law.beta / law.alpha:.1f}")
        rows.append((source, "paper, Table 1", *values, "not stated", "no interval given"))
    for fit in fits:
        found = map(interval, (fit.k, fit.alpha, fit.beta, fit.beta_over_alpha))
        whose = f"ours, {fit.method.replace('_', ' ')}"
        rows.append((fit.source, whose, *found, fit.n_runs, fit.status.words))
    return grid(columns, rows)


def verdict(fit: Fit) -> Prose:
    """What the fit's status allows a reader to say."""
    said = " ".join(fit.verdicts)
    for name, meaning in MEANINGS.items():
        if getattr(fit, name).covers(0.0):
            said += f" The interval of $\\{name}$ contains zero: that {meaning} moves $D_T$ is not shown."
    notes = "".join(f"\n- {note}" for note in fit.notes)
    return Prose(
        f"**Status: {fit.status.words}.** {said} Intervals are {100 * fit.level:g} %, from {fit.n_runs} "
        f"runs in {sum(fit.n_cells.values())} fine-tuned cells.{notes}"
    )


def verdicts(fits: Mapping[str, Fit]) -> Prose:
    """The verdict on each source's law."""
    return Prose("\n\n".join(f"*{source}.* {verdict(fit)}" for source, fit in fits.items()))


def refusals(reasons: Sequence[str]) -> Prose:
    """Why some ways to fit gave no law."""
    listed = "".join(f"\n- Not possible here: {reason}." for reason in reasons)
    return Prose(listed or "All three ways gave a law for every source.")


def against(found: Interval, printed: float) -> str:
    """How an interval stands to a printed value."""
    if found.low is None and found.high is None:
        return "open on both sides, so nothing is said"
    if found.low is not None and printed < found.low:
        return "the paper's value lies below our interval"
    if found.high is not None and printed > found.high:
        return "the paper's value lies above our interval"
    return "our interval contains the paper's value" + ("" if found.closed else ", and is open on one side")


def beside_paper(fits: Mapping[str, Fit], paper: Mapping[str, Hernandez]) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: each exponent of each source that the paper has, its value and ours."""
    for source in (source for source in fits if source in paper):
        for name in EXPONENTS:
            found, printed = getattr(fits[source], name), getattr(paper[source], name)
            yield f"$\\{name}$, {source}", f"{printed:g}", f"{interval(found)}: {against(found, printed)}"


def intervals(fits: Mapping[str, Fit]) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: the interval of each exponent, of which the paper has none."""
    for source, fit in fits.items():
        for name in EXPONENTS:
            yield f"interval of $\\{name}$, {source}", REPORTED["intervals"], interval(getattr(fit, name))


def same_exponent(fits: Mapping[str, Fit], exponent: str) -> Prose:
    """Whether the intervals of an exponent overlap across sources."""
    found = {source: getattr(fit, exponent) for source, fit in fits.items()}
    listed = ", ".join(f"{source} {interval(value)}" for source, value in found.items())
    if len(found) < 2:
        return Prose(f"{listed}: one source only, so nothing to compare.")
    if not all(value.closed for value in found.values()):
        return Prose(
            f"{listed}: an interval is open, so these runs cannot tell whether $\\{exponent}$ is shared."
        )
    apart = max(value.low for value in found.values()) > min(value.high for value in found.values())
    return Prose(f"{listed}: {'some intervals do not meet' if apart else 'all intervals overlap'}.")


def form(fit: FormFit, title: str) -> Prose:
    """Every parameter of a form of loss with its interval, its status and its notes."""
    columns = (title, f"value [{100 * fit.level:g} % interval]")
    listed = grid(columns, ((f"`{name}`", interval(found)) for name, found in fit.parameters.items()))
    notes = "".join(f"\n- {note}" for note in fit.notes)
    return Prose(f"{listed}\n\nStatus: **{fit.status.words}**, from {fit.n_runs} runs.{notes}")
