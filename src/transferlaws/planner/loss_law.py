"""Answers from a law of loss: the loss of a size and its data, the size or the data that reaches a loss.

Data are in the unit of the table that was fitted, tokens or characters, and every answer says which.
Intervals are those of the redrawn laws that the row of laws.json keeps; without these they are open.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws import LossForm, Status
from transferlaws.laws.forms import LOSS_LAWS
from transferlaws.planner.answer import REACH, Answer, central, no_data, no_end, positive, smallest, too_far
from transferlaws.planner.law import decades_outside

Floats = NDArray[np.float64]

GRID = 241
LEAST = 1e-6
"""Share of the most data at which a search begins where some runs had none."""
SAME_SIZE = 1.05
"""Ratio up to which a size is the one size of a law without a term for it."""


@dataclass(frozen=True)
class LossLaw:
    """A law of loss with what is known about it: `draws` are the redrawn laws, `unit` tokens or chars."""

    law: LossForm
    draws: tuple[LossForm, ...]
    level: float
    status: str
    n_range: tuple[float, float]
    d_range: tuple[float, float]
    unit: str

    @property
    def data(self) -> str:
        """What the amount of data is called: d_tokens or d_chars."""
        return f"d_{self.unit}"

    def predict(self, n_params: float, data: float, quantity: str = "loss") -> Answer:
        """The loss in nats/token of a size and its data, which may be 0 where the law is finite there.

        Any other quantity is refused.
        """
        if data == 0 and not self.law.at_zero:
            raise no_data(self.data)
        positive(n_params=n_params, **({self.data: data} if data else {}))
        why = self._beyond(n_params, data)
        if quantity != "loss":
            why = f"a law of loss knows nothing of pre-training, and so no {quantity}; ask it for the loss"
        if why:
            return self._no(quantity, why, n_params, data)
        value, *drawn = (float(law.loss(n_params=n_params, d_chars=data)) for law in (self.law, *self.draws))
        return self._yes("loss", value, drawn, n_params, data)

    def size_for(self, target_loss: float, data: float) -> Answer:
        """The smallest size that reaches a loss in nats/token with so much data."""
        positive(target_loss=target_loss, **{self.data: data})
        if not self.law.sized:
            return self._no("n_params", f"size is not in this law of {self._size()}", self.n_range[0], data)
        return self._search("n_params", self.n_range, target_loss, lambda n: (n, np.full(n.shape, data)))

    def data_for(self, target_loss: float, n_params: float) -> Answer:
        """The least data with which a size reaches a loss in nats/token."""
        positive(target_loss=target_loss, n_params=n_params)
        if why := self._beyond(n_params, self.d_range[1]):
            return self._no(self.data, why, n_params, self.d_range[1])
        if (
            self.law.at_zero
            and (least := float(self.law.loss(n_params=n_params, d_chars=0.0))) <= target_loss
        ):
            why = f"even without data this size has a loss of {least:.4g} by the law"
            return self._no(self.data, why, n_params, self.d_range[1])
        return self._search(self.data, self.d_range, target_loss, lambda d: (np.full(d.shape, n_params), d))

    def _search(
        self,
        quantity: str,
        ends: tuple[float, float],
        target: float,
        cells: Callable[[Floats], tuple[Floats, Floats]],
    ) -> Answer:
        low = ends[0] or ends[1] * LEAST  # runs without data have no logarithm
        reach = (low * 10**-REACH, ends[1] * 10**REACH)
        grid = np.geomspace(*reach, GRID)
        n, d = cells(grid)
        value, *drawn = (
            smallest(grid, law.loss(n_params=n, d_chars=d), target) for law in (self.law, *self.draws)
        )
        middle = GRID // 2
        why = no_end(quantity, value, reach, target) or self._beyond(float(n[middle]), float(d[middle]))
        if why:
            return self._no(quantity, why, float(n[middle]), float(d[middle]))
        at = (
            value if quantity == "n_params" else float(n[0]),
            value if quantity != "n_params" else float(d[0]),
        )
        return self._yes(quantity, value, drawn, *at)

    def _size(self) -> str:
        return f"one size (n_params {self.n_range[0]:g})"

    def _outside(self, n: float, d: float) -> float:
        """Decades beyond the runs; data below the least are inside a law that holds at none."""
        least = d if self.law.at_zero and self.d_range[0] == 0 else self.d_range[0]
        ends = ((n, self.n_range),) if self.law.sized else ()
        data = ((d, (least, self.d_range[1])),) if d > 0 else ()
        return decades_outside(*ends, *data) or 0.0

    def _beyond(self, n: float, d: float) -> str:
        if not self.law.sized and not 1 / SAME_SIZE <= n / self.n_range[0] <= SAME_SIZE:
            return f"size is not in this law of {self._size()}, and n_params is {n:g}"
        away = self._outside(n, d)
        if away > REACH + 1e-9:
            return too_far(away, **{"n_params": self.n_range, self.data: self.d_range})
        if away and self.status == Status.NOT_IDENTIFIED:
            return "the runs do not identify the law's exponents, so it cannot leave them"
        return ""

    def _yes(self, quantity: str, value: float, drawn: list[float], n: float, d: float) -> Answer:
        said = f"data in {'tokens' if self.unit == 'tokens' else 'characters'}, as in the table"
        low, high = central(drawn, self.level)
        return Answer(quantity, value, low, high, "unknown", self._outside(n, d), False, said)

    def _no(self, quantity: str, why: str, n: float, d: float) -> Answer:
        return Answer(quantity, None, None, None, "unknown", self._outside(n, d), True, why)


def loss_law(laws: Mapping[str, Any], source: str | None = None) -> LossLaw | None:
    """The law of loss of `source`, by default the sole one, of a laws document; None if it is of transfer.

    Raises TransferLawsError for a document of laws of loss alone that does not hold the source.
    """
    try:
        rows = [row for row in laws["rows"] if row.get("law") in LOSS_LAWS]
        others = len(rows) < len(laws["rows"]) or laws["scratch"]
        held = sorted({row["source"] for row in rows})
        mine = [row for row in rows if row["source"] == (source or held[0])]
        if not rows or (others and (source is None or not mine)):
            return None
        if source is None and len(held) > 1:
            raise TransferLawsError(f"these laws of loss are of {', '.join(held)}; name one")
        if not mine:
            raise TransferLawsError(f"these laws of loss are of {', '.join(held)}; they hold no {source!r}")
        return _read(mine[0])
    except (KeyError, TypeError, AttributeError) as error:
        raise TransferLawsError(f"the laws are not in the frame of laws.json: {error!r}") from error


def _read(row: Mapping[str, Any]) -> LossLaw:
    form = LOSS_LAWS[row["law"]]
    names = [field.name for field in fields(form)]
    data = next(name for name in row["range"] if name != "n_params")
    draws = [draw for draw in row.get("draws", ()) if None not in draw]
    return LossLaw(
        form(**{name: row[name]["value"] for name in names}),
        tuple(form(**dict(zip(names, draw, strict=True))) for draw in draws),
        row["level"],
        row["status"],
        tuple(row["range"]["n_params"]),
        tuple(row["range"][data]),
        data.removeprefix("d_"),
    )
