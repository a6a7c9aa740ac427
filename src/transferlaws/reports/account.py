"""What a study measured, on one page: `results/<scale>/README.md`, written with the results by `freeze`.

Every number comes from the run table and the laws; what was planned and is not there is listed as missing.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from transferlaws import prose
from transferlaws.files import write_atomic
from transferlaws.laws import Fit, check_table, rises
from transferlaws.laws.questions.remaining import gains
from transferlaws.places import results_dir
from transferlaws.study import Study

BY_HAND = {
    "design.md": "What was planned and expected, written down first",
    "notes.md": "What surprised, and what was not run",
}
"""Pages that whoever ran the study may have put beside its results."""


def write_account(study: Study, fits: Sequence[Fit], folder: Path | None = None) -> Path:
    """Write the account of a published study beside its results, or into `folder`; returns its path.

    `fits` are its laws, every source and method; losses are in nats/token on test projects.
    """
    scale, question = study.scale, study.question
    everything = study.table(everything=True)
    runs = everything[(everything["role"] == "run") & (everything["status"] == "ok")]
    primary = {fit.source: fit for fit in fits if fit.method == "loss_space"}
    controls = prose.cells.controls(question.main, question.controls, runs)
    audit = study.audit()
    audited = gains(audit[audit["cell"].isin(runs["key"])])
    law = [
        "## The law",
        prose.law.table(fits, question.paper),
        prose.law.verdicts(primary),
        "## As narrow as hoped?",
        prose.study.as_narrow_as_hoped(primary),
        "## Where the law holds, and where it does not",
    ]
    parts = [
        f"# What the {scale.name} study measured",
        f"Written by `{_verb(study)}` from the files beside it. Sizes N are "
        "without embeddings, D in characters, losses in nats/token on held-out projects.",
        *(law if primary else ["The study is under way: no law can be fitted yet."]),
        *(prose.cells.misfit(fit, runs) for fit in primary.values()),
        controls and "## Controls",
        controls,
        *([] if runs.empty else ["## Noise", prose.noise.between_seeds(runs)]),
        *([] if runs.empty else ["## Does the loss fall?", prose.rises.falls(_rises(runs), question.titles)]),
        "## Learning rates",
        prose.tuned.searched(everything, scale.tuning),
        "## Runs that met their token limit",
        prose.passes.capped(runs, scale.recipe.max_tokens),
        *([] if audited.empty else ["## What a wider search would still gain", *prose.audit.all_of(audited)]),
        "## Runs, and what is missing",
        prose.study.coverage(_planned(study), everything),
        "\n".join(
            f"{what}: [{page}]({page})." for page, what in BY_HAND.items() if (study.results / page).exists()
        ),
    ]
    path = (folder or study.results) / "README.md"
    write_atomic(path, "\n\n".join(part for part in parts if part) + "\n")
    return path


def _verb(study: Study) -> str:
    """What wrote the account: a study of the project is frozen by its scale, others write their own."""
    project = study.results == results_dir() / study.scale.name
    return f"transferlaws freeze --scale {study.scale.name}" if project else "transferlaws study"


def _rises(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {arm: rises(check_table(runs), arm) for arm in dict.fromkeys(runs["arm"])}


def _planned(study: Study) -> pd.DataFrame:
    """How many runs proper the design has: arm, n_params, runs."""
    rows = [
        (arm, size.n_params, sum(cell.role == "run" for cell in study.cells([arm], [size])))
        for arm in study.plan.arms
        for size in study.plan.sizes_of(arm)
    ]
    return pd.DataFrame(rows, columns=["arm", "n_params", "runs"])
