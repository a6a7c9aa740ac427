"""Do intervals hold the truth, by thousands of studies: the noise as it is estimated, the fit linearised.

Studies of the kinds of `laws_coverage.py`, whose losses are drawn from their covariance; their noise is
estimated as `fit` does, and cells weigh by it and by the misfit, about a model linear at the true law.
What a fit adds (curves that bend, profiles, redrawn studies) is not in it; a study takes milliseconds.

    nice python benchmarks/laws_linear.py --studies 1000    # the table of README.md
"""

import argparse

import numpy as np
from laws_coverage import BETWEEN_ARMS, MEASURED, SHARE, into_account, measured, sd_of_run
from numpy.typing import NDArray
from scipy.stats import chisquare
from scipy.stats import t as student

from transferlaws.laws import PLANTED, SCRATCH, Noise, Scratch, check_table
from transferlaws.laws.curves.floor import N_CURVE
from transferlaws.laws.data.cells import reduce_to_cells
from transferlaws.laws.data.noise import generalised_means, misfit_of, noise_of_runs
from transferlaws.laws.estimators.problem import LossSpace
from transferlaws.laws.numerics.bootstrap import eigen, power_of

Floats = NDArray[np.float64]
KINDS = ("measured", "nested", "independent", "partly", "twenty")
FROM_SCRATCH = Scratch(E=1.4, A=15.0, a=0.26, B=90.0, b=0.36)
BEGIN, END = "<!-- table: laws_linear.py -->", "<!-- end of linear -->"
LEVELS = 20


def planted_noise(kind: str) -> Noise:
    """The noise that `laws_coverage.measured` draws from, as a value."""
    data = np.geomspace(1e3, 3e6, 60)
    between = BETWEEN_ARMS * np.sqrt(SHARE[SCRATCH] * SHARE[PLANTED])
    shared = np.array([[SHARE[SCRATCH], between], [between, SHARE[PLANTED]]]) * (kind != "independent")
    variance = np.array([[sd_of_run(arm, d) ** 2 for d in data] for arm in (SCRATCH, PLANTED)])
    return Noise(np.log(data), variance, shared, np.inf, nested=float(kind == "nested"))


def scores(kind: str, studies: int) -> tuple[Floats, Floats, Floats]:
    """Errors and standard errors (studies, 4) of ln k, alpha, beta and ln beta/alpha, and their freedom."""
    table, law = measured(kind, 0)
    cells = reduce_to_cells(check_table(table.assign(ended="stalled")), (PLANTED,))
    problem, arm, present = LossSpace(cells, cells.covariance), cells.source + 1, cells.present
    m_d, m_n = problem.centre
    s = FROM_SCRATCH
    curves = np.zeros((len(cells.sizes), N_CURVE))
    curves[:, 0] = s.E + s.A * cells.sizes**-s.a
    curves[:, 1:] = np.log([s.B * (problem.d_ref + s.D0) ** -s.b, s.b, s.D0])
    truth = [np.log(law.k) + law.alpha * m_d + law.beta * m_n, law.alpha, law.beta, *curves.ravel()]
    gradient = problem.predict(np.array([truth]))[1][0]
    pull = np.diag(problem.box().precision + 1e-9)
    contrasts = np.zeros((4, len(truth)))
    contrasts[:3, :3] = [[1, -m_d, -m_n], [0, 1, 0], [0, 0, 1]]
    contrasts[3, 1:3] = -1 / law.alpha, 1 / law.beta
    root = power_of(planted_noise(kind).covariance(arm, cells.d_chars), 0.5)
    found, errors, freedom = [], [], []
    for i in range(studies):
        rng = np.random.default_rng([i, MEASURED.index(kind), 9])
        total = present * (root @ rng.standard_normal(present.shape))
        deviation = total - present * (total.sum(1) / present.sum(1))[:, None]
        noise = noise_of_runs(deviation, present, arm, cells.d_chars, 2)
        mean, covariance = generalised_means(total, present, noise.covariance(arm, cells.d_chars))
        variance, vectors = eigen(covariance)
        for last in (False, True):
            weighted = np.linalg.solve(covariance, gradient)
            inverse = np.linalg.inv(gradient.T @ weighted + pull)
            estimate = inverse @ (weighted.T @ mean)
            if not last:
                free = len(mean) - float(np.trace(inverse @ (weighted.T @ gradient)))
                misfit = misfit_of((mean - gradient @ estimate) @ vectors, variance, free, noise)
                covariance = misfit.onto(covariance)
        found.append(contrasts @ estimate)
        errors.append(np.sqrt(np.einsum("ij,jk,ik->i", contrasts, inverse, contrasts)))
        freedom.append(misfit.dof)
    return np.array(found), np.array(errors), np.array(freedom)[:, None]


def main() -> None:
    """Print coverage, widths and ranks, and put them into the account."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="of each kind")
    parser.add_argument("--kinds", default=",".join(KINDS))
    options = parser.parse_args()
    lines = [["kind", "of", "studies", "covered", "half-width / 1.96 sd", "ranks, p"]]
    for kind in options.kinds.split(","):
        error, se, dof = scores(kind, options.studies)
        reach = student.ppf(0.975, dof) * se
        ranks = student.cdf(error / se, dof)
        for j, name in enumerate(("k", "alpha", "beta", "beta_over_alpha")):
            covered = float((np.abs(error[:, j]) <= reach[:, j]).mean())
            wide = float(np.median(reach[:, j]) / (1.96 * error[:, j].std()))
            p = chisquare(np.histogram(ranks[:, j], np.linspace(0, 1, LEVELS + 1))[0]).pvalue
            lines.append([kind, name, str(len(error)), f"{100 * covered:.1f} %", f"{wide:.2f}", f"{p:.2g}"])
    into_account(lines, BEGIN, END)


if __name__ == "__main__":
    main()
