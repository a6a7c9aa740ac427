"""What following a law loses at prices: the regret of `laws.regret`, in whatever currency somebody pays."""

from typing import TYPE_CHECKING

import numpy as np

from transferlaws.planner.cheapest import Prices

if TYPE_CHECKING:
    import pandas as pd

    from transferlaws.laws import Comparison


def regret_at(prices: Prices, table: "pd.DataFrame", comparison: "Comparison") -> "tuple[pd.DataFrame, str]":
    """What each compared form's advice loses, in nats and at prices, and what no bill holds (or nothing).

    Pre-training is billed by the table's pretrain_chars. Raises TransferLawsError for a table of no use.
    """
    # Imported here: the planner's other answers need not wait for what a comparison takes.
    import pandas as pd

    from transferlaws.laws import regret

    before, note = 0.0, f"how much {comparison.source} was pre-trained on, the table does not say: not billed"
    if "pretrain_chars" in table.columns:
        mine = table.loc[table["arm"] == comparison.source, "pretrain_chars"]
        seen = pd.to_numeric(mine, errors="coerce")
        if (seen > 0).any():
            before, note = float(np.exp(np.log(seen[seen > 0]).mean())), ""

    def price(n_params: float, d_chars: float, pretrained: bool) -> float:
        return prices.bill(n_params, d_chars, before if pretrained else None).total

    return regret(table, comparison, price), note
