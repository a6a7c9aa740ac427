"""How long a law takes: a thousand redrawn studies, curves, inversion and law, for 500 runs.

The promise is under 60 s on two cores. Run: `python benchmarks/laws_speed.py`
"""

import time

from transferlaws.laws.data.synthetic import Design, plant
from transferlaws.laws.estimators.transfer import METHODS, fit_transfer
from transferlaws.laws.forms import Hernandez

DESIGN = Design(tuple(3.1e3 * 4**i for i in range(6)), (1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6), 6)


def main() -> None:
    """Print wall and processor seconds of each method."""
    table = plant(DESIGN, Hernandez(40, 0.4, 0.5), 0.02, seed=0)
    for method in METHODS:
        wall, processor = time.perf_counter(), time.process_time()
        fit = fit_transfer(table, "text", method, bootstrap=1000)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(
            f"{method:11} {fit.n_runs} runs, {len(fit.cells)} cells, 1000 redrawn studies: "
            f"{wall:.1f} s wall, {processor:.1f} s processor; alpha {fit.alpha}, beta {fit.beta}"
        )


if __name__ == "__main__":
    main()
