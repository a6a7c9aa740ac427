"""The cheapest way to a loss: which size, how much data, pre-trained on what, at the prices of whoever asks.

Every arm of the laws is searched over sizes; each size takes the least data with which it reaches the loss.
Cells that were run and reached it stand beside as ways of their own. An arm that does not get there says why,
and which runs would tell at which price.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from transferlaws.errors import TransferLawsError
from transferlaws.laws import SCRATCH
from transferlaws.planner.answer import REACH, Answer, positive
from transferlaws.planner.answers import data_for, predict
from transferlaws.planner.law import SourceLaw, source_law
from transferlaws.planner.loss_law import loss_law

SIZES, CLOSER = 17, 9
"""Sizes tried over the reach of the runs, and once more about the best of them."""
SEEDS = 2
"""Seeds of the runs that would tell."""


@dataclass(frozen=True)
class Prices:
    """What things cost, in any one currency: characters of target data, FLOPs, tokens to pre-train on.

    Training is 6 N FLOPs a token (Kaplan et al. 2020), the target data being read `passes` times and the
    other once; pre-training is shared over `uses`. Raises TransferLawsError for a price that is negative or
    no number, and if neither data nor training costs anything.
    """

    char: float = 0.0
    flop: float = 0.0
    pretrain_token: float = 0.0
    uses: int = 1
    passes: float = 5.0
    chars_per_token: float = 2.5

    def __post_init__(self) -> None:
        """Refuse what is no price."""
        positive(uses=self.uses, passes=self.passes, chars_per_token=self.chars_per_token)
        for name in ("char", "flop", "pretrain_token"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise TransferLawsError(f"the price of a {name} is {value!r}; it takes a number from 0 up")
        if not self.char and not self.flop:
            raise TransferLawsError("nothing costs anything; give the price of data, of training, or both")

    def bill(
        self, n_params: float, d_chars: float, pretrain_chars: float | None, unit: str = "chars"
    ) -> "Bill":
        """What a size costs with so much data, pre-trained on so much (None: from scratch)."""
        a_token = 6 * n_params * self.flop
        tokens = d_chars if unit == "tokens" else d_chars / self.chars_per_token
        before = (pretrain_chars or 0.0) / self.chars_per_token / self.uses
        return Bill(
            self.char * d_chars, a_token * tokens * self.passes, (a_token + self.pretrain_token) * before
        )


@dataclass(frozen=True)
class Bill:
    """What a model costs: its data, training it on them, and its share of the pre-training."""

    data: float
    training: float
    pretraining: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.data + self.training + self.pretraining


@dataclass(frozen=True)
class Way:
    """One way to the loss: a cell by the law, or one that was run (`basis` law or measured).

    `d_chars` is the least data by the law (or what the cell had), with its interval; `low` and `high` are
    what the ends of that interval cost (None: open). `loss` is that measured in the cell, None for a law.
    """

    arm: str
    basis: str
    n_params: float
    d_chars: Answer
    bill: Bill
    low: float | None
    high: float | None
    loss: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The way as a JSON object."""
        bill = {**vars(self.bill), "total": self.bill.total, "low": self.low, "high": self.high}
        return {**vars(self), "d_chars": self.d_chars.to_json(), "bill": bill}


@dataclass(frozen=True)
class Cheapest:
    """Ways to a loss, cheapest first; of every arm that has none by its law, why not; what no bill holds."""

    target_loss: float
    ways: tuple[Way, ...]
    refused: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return {
            "target_loss": self.target_loss,
            "ways": [way.to_json() for way in self.ways],
            "refused": dict(self.refused),
            "notes": list(self.notes),
        }


def cheapest(
    laws: Mapping[str, Any],
    target_loss: float,
    prices: Prices,
    source: str | None = None,
    method: str = "",
) -> Cheapest:
    """The ways to `target_loss` nats/token by every arm of the laws, or by `source` and from scratch alone.

    An arm's way is its cheapest size with the least data that reaches the loss: a size within those of the
    runs or, if none of these gets there, up to half a decade beyond. Raises TransferLawsError for laws or a
    source that cannot be read, or a loss that is not positive.
    """
    positive(target_loss=target_loss)
    ways: list[Way] = []
    refused: dict[str, str] = {}
    notes = []
    for arm in _arms(laws, source):
        asked = _Asked(laws, arm, target_loss, prices, method)
        found = asked.by_law()
        if found is None:
            refused[arm] = asked.refusal()
        ways += [way for way in (found, asked.by_measurement()) if way is not None]
        if asked.known is not None and asked.pretrain is None and arm != SCRATCH:
            notes.append(f"how much {arm} was pre-trained on, the laws do not say: no bill holds it")
    ordered = sorted(ways, key=lambda way: way.bill.total)
    return Cheapest(target_loss, tuple(ordered), refused, tuple(notes))


def _arms(laws: Mapping[str, Any], source: str | None) -> list[str]:
    if loss_law(laws, source) is not None:
        return [source or str(laws["rows"][0]["source"])]
    held = sorted({row["source"] for row in laws["rows"] if row.get("law") == "hernandez"})
    if source is not None and source not in (*held, SCRATCH):
        source_law(laws, source)  # says what there is
    return [SCRATCH, *(arm for arm in held if source in (None, arm))]


class _Asked:
    """One arm of the laws and the loss that it is to reach."""

    def __init__(self, laws: Mapping[str, Any], arm: str, target: float, prices: Prices, method: str) -> None:
        self.laws, self.arm, self.target, self.prices, self.method = laws, arm, target, prices, method
        law = loss_law(laws, arm)
        self.known: SourceLaw | None = None if law else source_law(laws, arm, method)
        self.unit = law.unit if law else "chars"
        ends = (law.n_range, law.d_range) if law else (self.known.n_range, self.known.d_range)  # type: ignore[union-attr]
        if ends[0] is None or ends[1] is None:
            raise TransferLawsError("these laws hold no runs, and so no loss to reach; fit a table of runs")
        least, most = 10**-REACH, 10**REACH
        self.n_range = self.n_reach = ends[0]
        self.d_reach = (ends[1][0] * least, ends[1][1] * most)
        if law is None or law.law.sized:
            self.n_reach = (ends[0][0] * least, ends[0][1] * most)
        seen = self.known.pretrain_chars if self.known else None
        self.pretrain = float(np.sqrt(seen[0] * seen[1])) if seen and arm != SCRATCH else None

    def bill(self, n_params: float, d_chars: float) -> Bill:
        return self.prices.bill(n_params, d_chars, self.pretrain, self.unit)

    def at(self, n_params: float) -> Way | None:
        """The way of a size; None if it does not reach the loss."""
        data = data_for(self.laws, self.arm, self.target, n_params, self.method)
        if data.value is None:
            least = self.d_reach[0]  # less data than anybody asks about may do
            there = predict(self.laws, self.arm, n_params, least, "loss", self.method)
            if there.value is None or there.value > self.target:
                return None
            said = "or less: half a decade below the runs is the least that is answered"
            data = Answer("d_chars", least, None, least, there.regime, there.decades_outside, False, said)
        value, *ends = (
            None if end is None else self.bill(n_params, end) for end in (data.value, data.low, data.high)
        )
        assert value is not None
        low, high = (None if end is None else end.total for end in ends)
        return Way(self.arm, "law", n_params, data, value, low, high)

    def by_law(self) -> Way | None:
        """The cheapest way of any size of the runs; only if there is none, of one within reach beyond them.

        A search for the least cost finds the errors of an extrapolation, if there are any to be found.
        """
        return self._among(self.n_range) or self._among(self.n_reach)

    def _among(self, ends: tuple[float, float]) -> Way | None:
        if ends[0] == ends[1]:
            return self.at(ends[0])
        sizes = np.geomspace(*ends, SIZES)
        best = self._best(sizes)
        if best is None:
            return None
        step = float(sizes[1] / sizes[0])
        low, high = max(ends[0], best.n_params / step), min(ends[1], best.n_params * step)
        return self._best(np.geomspace(low, high, CLOSER)) or best

    def _best(self, sizes: Any) -> Way | None:
        ways = [way for n in sizes if (way := self.at(float(n))) is not None]
        return min(ways, key=lambda way: way.bill.total, default=None)

    def by_measurement(self) -> Way | None:
        """The cheapest cell that was run and reached the loss."""
        ways = []
        for n, d, loss in self._cells():
            if loss <= self.target:
                bill = self.bill(n, d)
                data = Answer("d_chars", d, d, d, "unknown", 0.0, False, "")
                ways.append(Way(self.arm, "measured", n, data, bill, bill.total, bill.total, loss))
        return min(ways, key=lambda way: way.bill.total, default=None)

    def _cells(self) -> Iterator[tuple[float, float, float]]:
        """Size, data and loss of the arm's cells that were run with both arms."""
        for row in self.laws["rows"]:
            if self.arm in (SCRATCH, row["source"]):
                for cell in row.get("measured", ()):
                    loss = cell["loss_scratch" if self.arm == SCRATCH else "loss"]
                    yield cell["n_params"], cell["d_chars"], loss

    def refusal(self) -> str:
        """Why no size of the arm reaches the loss, and which runs would tell, at which price."""
        cells = self.known.measured if self.known else ()
        if cells and all(cell.hurts for cell in cells):
            return f"pre-training on it costs data in all of the {len(cells)} cells that were run"
        n, d = self.n_reach[1], self.d_reach[1]
        least = predict(self.laws, self.arm, n, d, "loss", self.method)
        if least.value is None:
            why = least.reason
        else:
            why = (
                f"no size up to {n:.3g} with data up to {d:.3g} (half a decade beyond the runs) reaches "
                f"{self.target:g}; the largest with most comes to {least.value:.3g}"
            )
        arms = [self.arm] if self.arm == SCRATCH or self.known is None else [self.arm, SCRATCH]
        bills = [self.bill(n, d), self.prices.bill(n, d, None, self.unit)][: len(arms)]
        training = SEEDS * sum(bill.training for bill in bills)
        price = bills[0].data + training + bills[0].pretraining
        return (
            f"{why}; {SEEDS} seeds of {' and '.join(arms)} at n_params {n:.3g} and {d:.3g} {self.unit} would "
            f"tell, for {price:.4g}"
        )
