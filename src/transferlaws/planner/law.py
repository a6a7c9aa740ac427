"""One source's law as the planner needs it: draws of the law, ranges of the runs, from-scratch curves, D(N).

Read from a laws.json, from a fit's document, or from the paper's Table 1, which has no intervals and no grid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws import SCRATCH, Curve, Hernandez, Predictive, Status
from transferlaws.laws.curves.curve import regime_of
from transferlaws.laws.paper import CITATION, TABLE_1
from transferlaws.planner.measured import MeasuredCell

Floats = NDArray[np.float64]

DRAWS = 400
LAW_PARAMETERS = 3
SAME = 0.05
"""Difference in ln N up to which a question is about the one size that was run."""


@dataclass(frozen=True)
class Alone:
    """The curves of the from-scratch runs alone; `d_n` are the ends of D(N) of each curve in characters.

    `sd` is the runs' misfit about them in nats/token, by `dof` degrees of freedom; None: not known. `d_range`
    are the ends of the data they were drawn through.
    """

    curves: tuple[Curve, ...] = ()
    d_n: tuple[tuple[float, float], ...] = ()
    sd: float | None = None
    dof: int = 0
    d_range: tuple[float, float] | None = None

    def loss(self, n_params: float, d_chars: Floats) -> Floats:
        """From-scratch loss in nats/token at any size and data (m,) in characters."""
        return loss_at(self.curves, n_params, d_chars)


@dataclass(frozen=True)
class SourceLaw:
    """One source's law (None: from scratch) with what is known about it.

    `draws` (DRAWS, 3) are laws (ln k, alpha, beta) its intervals stand for, none where they are open; ranges
    are those of the runs (None: not known), `curves` the law's own, `noise` the standard deviation of one run
    in nats/token, `measured` the cells that were run, `pretrain_chars` the ends of what they were pre-trained
    on (None: not known), `predictive` what it says of a cell with all that is uncertain (None: as above).
    """

    law: Hernandez | None
    level: float | None
    draws: Floats
    status: str
    n_range: tuple[float, float] | None
    d_range: tuple[float, float] | None
    curves: tuple[Curve, ...]
    alone: Alone
    noise: float
    measured: tuple[MeasuredCell, ...] = ()
    pretrain_chars: tuple[float, float] | None = None
    predictive: Predictive | None = None

    @property
    def sole_size(self) -> float | None:
        """The size of the runs if they have one only, else None."""
        return self.n_range[0] if self.n_range and self.n_range[0] == self.n_range[1] else None

    def outside(self, n_params: float, d_chars: float) -> float | None:
        """Decades by which the question lies beyond the runs, in size or data; None if not known."""
        return decades_outside((n_params, self.n_range), (d_chars, self.d_range))

    def regime(self, n_params: float, d_chars: float) -> str:
        """low: D_F <= 0.1 D(N); medium: up to D(N); high beyond; unknown where these runs do not say."""
        if not self.alone.curves:
            return "unknown"
        sizes = np.log([curve.n_params for curve in self.alone.curves])
        low, high = (
            float(np.exp(np.interp(np.log(n_params), sizes, np.log(np.maximum(ends, 1e-9)))))
            for ends in zip(*self.alone.d_n, strict=True)
        )
        return regime_of(d_chars, (low, high))

    def loss(self, n_params: float, d_effective: Floats) -> Floats:
        """From-scratch loss by the law's own curves, at any size and effective data (m,) in characters."""
        return loss_at(self.curves, n_params, d_effective)

    def gain(self, law: Hernandez | None, n_params: float, d_chars: float) -> float:
        """From-scratch loss less the loss after pre-training by `law`, in nats/token."""
        if law is None:
            return 0.0
        effective = law.d_effective(n_params=n_params, d_chars=d_chars)
        alone, tuned = (
            self.alone.loss(n_params, np.array([d_chars])),
            self.loss(n_params, np.array([effective])),
        )
        return float(alone[0] - tuned[0])

    def from_scratch(self) -> "SourceLaw":
        """What is known of models from scratch, by the curves of their own runs."""
        return replace(
            self, law=None, draws=np.zeros((0, 3)), status=Status.CONVERGED.value, curves=self.alone.curves,
            d_range=self.alone.d_range or self.d_range, measured=(), predictive=None,
        )  # fmt: skip

    def misfit(self) -> tuple[float, float]:
        """How far predicted gains lie from those measured (sd, nats/token), and its degrees of freedom.

        The cells' own gains went into the law and, by one parameter a size, into its curves. Cells that
        pre-training hurts went into neither, and the law answers for none of them nor of their neighbours.
        """
        missed = {
            cell: self.gain(self.law, cell.n_params, cell.d_chars) - cell.gain
            for cell in self.measured
            if not cell.hurts
        }
        missed = {cell: error for cell, error in missed.items() if np.isfinite(error)}
        if not missed:
            return self.noise * float(np.sqrt(2.0)), float("inf")
        free = max(len(missed) - LAW_PARAMETERS - len({cell.n_params for cell in missed}), 1)
        return float(np.sqrt(sum(error**2 for error in missed.values()) / free)), float(free)


def decades_outside(*asked: tuple[float, tuple[float, float] | None]) -> float | None:
    """Decades by which the farthest of values lies beyond its range; None if a range is not known."""
    away = [
        max(np.log10(ends[0]) - np.log10(value), np.log10(value) - np.log10(ends[1]), 0.0)
        for value, ends in asked
        if ends is not None
    ]
    return float(max(away)) if len(away) == len(asked) else None


def loss_at(curves: Sequence[Curve], n_params: float, d_chars: Floats) -> Floats:
    """From-scratch loss at any size: between curves linear in ln N, beyond them along the last two."""
    if not curves:
        return np.full(np.shape(d_chars), np.nan)
    sizes = np.log([curve.n_params for curve in curves])
    values = np.array([curve.loss(d_chars) for curve in curves])
    if len(sizes) == 1:
        return values[0] if abs(sizes[0] - np.log(n_params)) < SAME else np.full_like(values[0], np.nan)
    right = int(np.clip(np.searchsorted(sizes, np.log(n_params)), 1, len(sizes) - 1))
    share = (np.log(n_params) - sizes[right - 1]) / (sizes[right] - sizes[right - 1])
    return (1 - share) * values[right - 1] + share * values[right]


def paper_laws() -> dict[str, Any]:
    """Table 1 as a laws document: no intervals, no ranges and no curves, since the paper prints none."""
    rows = []
    for source, law in TABLE_1.items():
        values = {**vars(law), "beta_over_alpha": law.beta / law.alpha}
        intervals = {name: {"value": value, "low": None, "high": None} for name, value in values.items()}
        row = {"source": source, "method": "paper", "law": "hernandez", **intervals}
        rows.append({**row, "level": None, "status": Status.PUBLISHED.value, "range": None})
    return {"schema": 1, "rows": rows, "scratch": [], "provenance": {"citation": CITATION}}


def source_law(laws: Mapping[str, Any], source: str | None = None, method: str = "") -> SourceLaw:
    """The law of `source`, by default the sole one, from a laws document; `method` picks a row of it.

    The method is by default loss_space, else the first there is; from-scratch curves are the row's own, and
    only in a document without these the ones at its top. `source` "scratch" takes the curves at the top
    alone. Raises TransferLawsError for a source or method the document does not hold, and for several sources
    of which none is named.
    """
    try:
        rows = [row for row in laws["rows"] if row.get("law") == "hernandez"]
        if laws["rows"] and not rows and not laws["scratch"]:
            held = ", ".join(sorted({f"{row['law']} of {row['source']}" for row in laws["rows"]}))
            raise TransferLawsError(
                f"these laws are of loss ({held}), which say nothing of pre-training or another source"
            )
        if source == SCRATCH:
            return _from_scratch(laws["scratch"], rows)
        row = _row(rows, source, method)
        law = Hernandez(row["k"]["value"], row["alpha"]["value"], row["beta"]["value"])
        ends = row["range"] or {"n_params": None, "d_chars": None}
        n_range, d_range = (tuple(ends[name]) if ends[name] else None for name in ("n_params", "d_chars"))
        own, top = _alone(row.get("scratch", laws["scratch"])), _alone(laws["scratch"])
        return SourceLaw(
            law, row["level"], law_draws(row, law), row["status"], n_range, d_range, own.curves,
            top if top.d_range else own, row.get("noise_nats") or 0.0,
            tuple(MeasuredCell.of(cell) for cell in row.get("measured", ())),
            tuple(row["pretrain_chars"]) if row.get("pretrain_chars") else None,
            Predictive.from_json(row["predictive"]) if row.get("predictive") else None,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise TransferLawsError(f"the laws are not in the frame of laws.json: {error!r}") from error


def measured_cells(laws: Mapping[str, Any], source: str | None = None) -> tuple[MeasuredCell, ...]:
    """The cells of `source`, by default the sole one, that were run, as a laws document holds them."""
    return source_law(laws, source).measured


def _row(rows: Sequence[Mapping[str, Any]], source: str | None, method: str) -> Mapping[str, Any]:
    """The row of a source and method; raises TransferLawsError if there is none, or no sole source."""
    held = sorted({row["source"] for row in rows})
    if not held:
        raise TransferLawsError(
            "these laws hold no law of transfer; `transferlaws fit` a table with a source"
        )
    if source is None and len(held) != 1:
        raise TransferLawsError(f"these laws hold the sources {', '.join(held) or 'none'}; name one")
    source = source or held[0]
    mine = [row for row in rows if row["source"] == source]
    if not mine:
        raise TransferLawsError(f"these laws hold no source {source!r}; they hold {', '.join(held)}")
    wanted = [row for row in mine if row["method"] == (method or "loss_space")]
    if method and not wanted:
        raise TransferLawsError(
            f"these laws hold no method {method!r} for {source}; they hold "
            f"{', '.join(row['method'] for row in mine)}"
        )
    return (wanted or mine)[0]


def _from_scratch(scratch: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> SourceLaw:
    """The from-scratch curves alone; in a document that does not say theirs, the first law's data range."""
    alone = _alone(scratch)
    if not alone.curves:
        raise TransferLawsError("these laws hold no from-scratch curves")
    n_range = (alone.curves[0].n_params, alone.curves[-1].n_params)
    d_range = alone.d_range or (tuple(rows[0]["range"]["d_chars"]) if rows else None)
    level = rows[0]["level"] if rows else None
    none = np.zeros((0, 3))
    return SourceLaw(None, level, none, Status.CONVERGED.value, n_range, d_range, alone.curves, alone, 0.0)


def _alone(scratch: Sequence[Mapping[str, Any]]) -> Alone:
    """The curves of a list of laws.json, with their range and misfit where the list holds them."""
    curves = tuple(
        Curve(row["n_params"], row["E"], row["B"], row["b"], row["D0"], *row.get("d_chars", (0.0, np.inf)))
        for row in scratch
    )
    ends = [row["d_chars"] for row in scratch if "d_chars" in row]
    return Alone(
        curves,
        tuple(map(_ends_of_d_n, scratch)),
        scratch[0].get("sd_nats") if scratch else None,
        scratch[0].get("dof", 0) if scratch else 0,
        (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None,
    )


def _ends_of_d_n(row: Mapping[str, Any]) -> tuple[float, float]:
    """Between which characters D(N) of a curve of laws.json lies; a sole value where it holds no more."""
    low, high = (
        1e300 if end is None else min(float(end), 1e300)
        for end in row.get("d_n_range", (row["d_n_chars"], row["d_n_chars"]))
    )
    return low, high


def law_draws(row: Mapping[str, Any], law: Hernandez) -> Floats:
    """Draws (DRAWS, 3) of (ln k, alpha, beta) of a row of laws.json, fixed seed; none where an end is open.

    Without a covariance (a laws.json of another program) k carries nothing and the exponents are taken as
    independent about the middle of the runs, which is what a fit makes them.
    """
    centre = np.array([np.log(law.k), law.alpha, law.beta])
    rng = np.random.default_rng(0)
    covariance = row.get("covariance_ln_k_alpha_beta")
    if covariance is not None:
        return rng.multivariate_normal(centre, np.array(covariance), DRAWS)
    ends = [row[name] for name in ("alpha", "beta")]
    if row.get("range") is None or any(end["low"] is None or end["high"] is None for end in ends):
        return np.zeros((0, 3))
    # A central interval of a normal law at 95 % is 3.92 standard deviations wide.
    sd = [(end["high"] - end["low"]) / 3.92 for end in ends]
    alpha, beta = (rng.normal(value, width, DRAWS) for value, width in zip(centre[1:], sd, strict=True))
    m_d, m_n = (np.mean(np.log(row["range"][name])) for name in ("d_chars", "n_params"))
    return np.column_stack([centre[0] - (alpha - centre[1]) * m_d - (beta - centre[2]) * m_n, alpha, beta])
