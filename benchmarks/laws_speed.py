"""How long a law takes: a thousand redrawn studies, curves, inversion and law, for 500 runs.

The promise is at most 15 s on two cores. Run: `python benchmarks/laws_speed.py`
"""

import time

from transferlaws.laws import METHODS, Design, Hernandez, fit, plant

DESIGN = Design(tuple(3.1e3 * 4**i for i in range(6)), (1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6), 6)


def main() -> None:
    """Print wall and processor seconds of each method."""
    table = plant(DESIGN, Hernandez(40, 0.4, 0.5), 0.02, seed=0)
    for method in METHODS:
        wall, processor = time.perf_counter(), time.process_time()
        found = fit(table, method=method, bootstrap=1000)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(
            f"{method:11} {found.n_runs} runs, {len(found.cells)} cells, 1000 redrawn studies: "
            f"{wall:.1f} s wall, {processor:.1f} s processor; alpha {found.alpha}, beta {found.beta}"
        )


if __name__ == "__main__":
    main()
