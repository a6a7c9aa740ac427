"""A study: a question at a scale, its corpora, its runs, and the laws they give.

What chapters and the command line hold. `ensure` trains what is missing and nothing else; everything
else reads. Runs that were published under `results/<scale>/` count as done.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferlaws.design.presets import study_named
from transferlaws.design.question import BASELINE, Question
from transferlaws.design.scale import Scale
from transferlaws.models.ladder import Size
from transferlaws.places import cache_dir, results_dir, runs_dir
from transferlaws.runs.plan import Cell, Plan
from transferlaws.runs.store import Store
from transferlaws.runs.table import COLUMNS, CURVE_COLUMNS, row_of

if TYPE_CHECKING:
    import pandas as pd

    from transferlaws.corpora import Corpus, CorpusRecipe
    from transferlaws.laws import Fit
    from transferlaws.runs.execute import Workspace
    from transferlaws.runs.sweep import Swept
    from transferlaws.tokens import GivenTokenizer, Tokenizer


class Study:
    """A question at a scale.

    `recipes` say what its corpora are made of, if they are not the project's; `models` are the folders of
    saved models by their digest, where its sizes are such.
    """

    def __init__(
        self,
        question: Question,
        scale: Scale,
        *,
        recipes: "Mapping[str, CorpusRecipe] | None" = None,
        models: Mapping[str, Path] | None = None,
        runs: Path | None = None,
        results: Path | None = None,
        cache: Path | None = None,
    ) -> None:
        self.question, self.scale = question, scale
        self.cache = cache or cache_dir()
        self.results = (results or results_dir()) / scale.name
        self.store = Store((runs or runs_dir()) / scale.name, published=self.results)
        self._recipes, self._models = recipes, models or {}

    @classmethod
    def open(cls, name: str) -> "Study":
        """A study of the project, by the name of its scale; raises UsageError for a name that is none."""
        return cls(*study_named(name))

    @property
    def recipes(self) -> "Mapping[str, CorpusRecipe]":
        """What the corpora are made of, by name."""
        if self._recipes is None:
            from transferlaws.corpora import recipes

            self._recipes = recipes(self.scale.tier)
        return self._recipes

    def corpora(self, *, jobs: int | None = None, progress: bool = True) -> "dict[str, Corpus]":
        """The prepared corpora this study reads; fetched and cleaned on first use."""
        from transferlaws.corpora import prepare
        from transferlaws.runs.sweep import available_cores

        jobs = jobs or available_cores()
        return {
            name: prepare(self.recipes[name], self.cache, jobs=jobs, progress=progress)
            for name in sorted(self.question.corpora)
        }

    def tokenizer(self, *, progress: bool = True) -> "Tokenizer | GivenTokenizer":
        """The study's tokenizer: its models', or trained on first use on its corpus's training split."""
        from transferlaws.tokens import given_tokenizer, tokenizer_of

        text = self.question.tokenization
        if text.kind == "model":
            return given_tokenizer(next(iter(self._models.values())))
        corpus = self.corpora(progress=progress)[text.corpus]
        return tokenizer_of(corpus, text.kind, self.plan.vocabulary_size, self.cache)

    @property
    def plan(self) -> Plan:
        """Every run that this study consists of. Known before any corpus is fetched."""
        fingerprints = {name: self.recipes[name].fingerprint for name in self.question.corpora}
        return Plan(self.question, self.scale, fingerprints)

    @property
    def arms(self) -> list[str]:
        """The arms that laws are about, `scratch` first.

        No controls; of published results only those that were measured.
        """
        wanted = (BASELINE, *self.question.sources)
        records = self.store.published.values()
        published = {r.spec["arm"] for r in records if r.spec["budget_tokens"] is None}
        return [arm for arm in wanted if arm in published or not published]

    def cells(self, arms: Sequence[str] | None = None, sizes: Sequence[Size] | None = None) -> list[Cell]:
        """The cells of the design, with every spec that is known by now."""
        return self.plan.cells(self.store, arms, sizes)

    def ensure(
        self,
        arms: Sequence[str] | None = None,
        sizes: Sequence[Size] | None = None,
        *,
        jobs: int | None = None,
        scheduler: str | None = None,
        progress: bool = True,
    ) -> "Swept":
        """Train what is missing, of some arms and sizes or of all; returns what was done.

        Where results are published and nothing is named, nothing is trained: what a published study lacks
        is missing until someone asks for it by name (`arms=study.plan.arms` for all of it).
        Raises TransferLawsError when the [train] extra is missing and something has to be trained, and
        for anything else a user can put right. Runs that fail do not stop the others.
        """
        from transferlaws.runs.sweep import Swept, require_training, train_missing

        named = arms is not None or sizes is not None
        if (self.store.published and not named) or self.is_complete(arms, sizes):
            return Swept(0, {})
        require_training()
        return train_missing(
            self.plan,
            self.store,
            self.workspace(progress=progress),
            arms=arms,
            sizes=sizes,
            jobs=jobs,
            scheduler=scheduler,
            progress=progress,
        )

    def is_complete(self, arms: Sequence[str] | None = None, sizes: Sequence[Size] | None = None) -> bool:
        """True if no run of the design is missing."""
        for cell in self.cells(arms, sizes):
            record = None if cell.spec is None else self.store.read(cell.spec.key)
            if record is None or not record.finished:
                return False
        return True

    def workspace(self, *, progress: bool = True) -> "Workspace":
        """Where the workers find corpora and tokenizer; prepares them on first use."""
        from transferlaws.runs.execute import Workspace

        corpora = self.corpora(progress=progress)
        self.tokenizer(progress=progress)  # here once, rather than by every worker at the same time
        return Workspace(
            cache=self.cache,
            store=self.store.path,
            corpora={corpus.fingerprint: corpus.path for corpus in corpora.values()},
            models=dict(self._models),
        )

    def table(self, *, everything: bool = False) -> "pd.DataFrame":
        """One row a run, in the plan's order; `transferlaws.runs.table` has the columns.

        The runs proper that succeeded, or `everything`: tuning, pre-training, diverged and failed runs too.
        """
        import pandas as pd

        rows: dict[str, dict[str, Any]] = {}
        for cell in self.cells():
            record = None if cell.spec is None else self.store.read(cell.spec.key)
            if record is not None and (everything or (cell.role == "run" and record.status == "ok")):
                # A tuning run at the rate that was chosen is also one of the runs proper: one row, role run.
                rows[record.key] = row_of(record, cell.role, self.scale.name, self.store)
        return pd.DataFrame(list(rows.values()), columns=list(COLUMNS))

    def curves(self, key: str | None = None) -> "pd.DataFrame":
        """Training curves, one row an evaluation: of one run, or of every run of the table."""
        import pandas as pd

        keys = [key] if key else [cell.spec.key for cell in self.cells() if cell.spec is not None]
        records = [record for record in map(self.store.read, dict.fromkeys(keys)) if record is not None]
        rows = [[record.key, *point] for record in records for point in record.curve]
        return pd.DataFrame(rows, columns=["key", *CURVE_COLUMNS])

    def audit(self) -> "pd.DataFrame":
        """What a wider search found in cells drawn at random: one row a run, `training.around.COLUMNS`.

        Of the audit that `transferlaws audit` last began here, cells whose search is done; else the published
        one. Empty without either. Raises TransferLawsError for a published one that is damaged.
        """
        from transferlaws.runs.audit import AuditPlan
        from transferlaws.runs.published import read_audit

        begun = AuditPlan.noted(self.plan, self.store)
        found = None if begun is None else begun.table(self.store)
        return read_audit(self.results) if found is None or found.empty else found

    def fit(
        self,
        method: str = "loss_space",
        source: str | None = None,
        *,
        bootstrap: int = 1000,
        seed: int = 0,
    ) -> "Fit":
        """The law of transfer from `source` (if not given, the one the study stands on), with intervals."""
        from transferlaws import recall

        source = source or self.question.main
        return recall.fit(self.table(), source, method=method, bootstrap=bootstrap, seed=seed)
