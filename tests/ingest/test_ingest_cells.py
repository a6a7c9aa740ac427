"""Rows to runs: what was tuned, checkpoints, endings, repeats and rows without data."""

from pathlib import Path

import pandas as pd
import pytest

from transferlaws.ingest import Looked, look
from transferlaws.laws.data.table import read_table


def ingest(tmp_path: Path, text: str, **more: str) -> Looked:
    path = tmp_path / "runs.csv"
    path.write_text(text)
    return look([path], **more)  # type: ignore[arg-type]


TUNED = """n_params,arm,d_chars,seed,lr,loss,val_loss
1000,scratch,10,0,0.1,3.00,3.3
1000,scratch,10,0,0.2,3.10,3.1
1000,scratch,10,1,0.1,2.50,3.3
1000,scratch,10,1,0.2,3.12,3.1
1000,scratch,10,2,0.3,2.00,2.0
"""


def test_of_tuned_runs_the_best_setting_counts_with_all_its_seeds(tmp_path: Path) -> None:
    """By validation loss; a setting tried with one seed of three is luck, not the best."""
    looked = ingest(tmp_path, TUNED.replace("loss,val_loss", "test_loss,val_loss"))
    assert list(looked.runs.table["learning_rate"]) == [0.2, 0.2]
    assert list(looked.runs.table["loss"]) == [3.10, 3.12]
    assert looked.runs.tuned == ("learning_rate",)
    assert sum(aside.count for aside in looked.runs.aside) == 3


@pytest.mark.parametrize("name", ["lr", "batch_size", "Weight decay", "config.optimizer"])
def test_what_varies_within_a_cell_is_tuning(name: str, tmp_path: Path) -> None:
    rows = "".join(f"1e6,{d},{t},{3 + abs(t - 2) / 10 - d / 1e9}\n" for d in (1e6, 2e6) for t in (1, 2, 3))
    looked = ingest(tmp_path, f"N,D,{name},loss\n{rows}")
    assert len(looked.runs.table) == 2
    assert "tuning" in looked.summary()


def test_seeds_stay_seeds(tmp_path: Path) -> None:
    rows = "".join(f"1e6,{d},{s},{3 + s / 100}\n" for d in (1e6, 2e6) for s in (0, 1, 2))
    assert len(ingest(tmp_path, f"N,D,seed,loss\n{rows}").runs.table) == 6


def test_a_column_nobody_knows_is_named_and_may_be_called_tuned(tmp_path: Path) -> None:
    text = "N,chars,arm,seed,flavour,loss\n1e6,10,scratch,0,a,3.0\n1e6,10,scratch,0,b,2.9\n"
    assert "they differ in flavour" in ingest(tmp_path, text).summary()
    assert list(ingest(tmp_path, text, tuning=["flavour"]).runs.table["loss"]) == [2.9]  # type: ignore[arg-type]


CHECKPOINTS = "run,step,n_params,tokens,loss\n" + "".join(
    f"{run},{step},1e6,5e6,{loss}\n" for run in ("a", "b") for step, loss in ((1, 3.0), (2, 2.5), (3, 2.7))
)


@pytest.mark.parametrize(("rule", "loss"), [("", 2.5), ("best", 2.5), ("last", 2.7)])
def test_checkpoints_of_a_run_are_one_run(rule: str, loss: float, tmp_path: Path) -> None:
    looked = ingest(tmp_path, CHECKPOINTS, checkpoint=rule)
    assert list(looked.runs.table["loss"]) == [loss, loss]
    assert list(looked.runs.table["run"]) == ["a", "b"]


def test_checkpoints_at_other_amounts_of_data_are_kept_with_their_run(tmp_path: Path) -> None:
    rows = "".join(f"{run},{k},1e6,{k}e6,{3 + 1 / k}\n" for run in ("a", "b") for k in (1, 2, 3))
    table = ingest(tmp_path, f"run,step,n_params,tokens,loss\n{rows}").runs.table
    assert len(table) == 6
    assert table["run"].nunique() == 2


def test_a_curve_without_a_name_is_asked_about(tmp_path: Path) -> None:
    rows = "".join(f"{n},{k}e6,{3 + 1 / k + 1e6 / n}\n" for n in (1e6, 2e6) for k in range(1, 40))
    assert "--map run=n_params" in ingest(tmp_path, f"n_params,d_tokens,loss\n{rows}").summary()


@pytest.mark.parametrize(
    ("word", "kept"),
    [("finished", True), ("COMPLETED", True), ("FINISHED", True), ("success", True), ("ok", True), ("", True),
     ("crashed", False), ("FAILED", False), ("killed", False), ("preempted", False), ("OOM", False),
     ("running", False), ("RUNNING", False), ("NaN loss", False), ("Out of memory", False)],
)  # fmt: skip
def test_how_runs_ended_in_other_words(word: str, kept: bool, tmp_path: Path) -> None:
    looked = ingest(tmp_path, f"N,D,State,loss\n1e6,1e6,finished,3.0\n1e6,2e6,{word},2.9\n")
    assert len(looked.runs.table) == 1 + kept
    assert kept or "1 row: " in looked.summary()


def test_repeats_count_once_and_rows_without_data_are_kept(tmp_path: Path) -> None:
    looked = ingest(tmp_path, "N,D,loss\n1e6,0,5.0\n1e6,10,4.0\n1e6,10,4.0\n2e6,-3,4.0\n")
    assert list(looked.runs.table["d_tokens"]) == [0, 10]
    for said in ("zero-shot", "exact repeat", "negative", "one model size"):
        assert said in looked.summary()
    assert looked.law == "rectified"


def test_the_table_of_a_sweep_fits_like_the_best_of_it(tmp_path: Path) -> None:
    """The kind of case where five rates a cell made the interval of k thirty times too wide."""
    rows, best = [], []
    for n in (3000, 12000, 50000):
        for arm in ("scratch", "text"):
            for place, d in enumerate((10_000, 100_000, 1_000_000)):
                for seed in (0, 1):
                    loss = 5 - 0.4 * place - n / 1e5 - (0.3 if arm == "text" else 0) + seed / 1000
                    best.append((n, arm, d, str(seed), loss))
                    rows += [
                        (n, arm, d, seed, rate, loss + cost) for rate, cost in ((1, 0.2), (2, 0), (3, 0.5))
                    ]
    frame = pd.DataFrame(rows, columns=["n_params", "arm", "d_chars", "seed", "learning_rate", "loss"])
    table = ingest(tmp_path, frame.to_csv(index=False)).runs.table
    assert list(table[["n_params", "arm", "d_chars", "seed"]].itertuples(index=False, name=None)) == [
        row[:4] for row in best
    ]
    assert list(table["loss"]) == pytest.approx([row[4] for row in best])


def test_the_project_s_own_table_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """Pre-training, tuning and diverged runs aside, `fit` reads the same runs with and without ingest."""
    ours = Path(__file__).parents[2] / "results" / "laptop" / "runs.csv"
    out = tmp_path / "table.csv"
    look([ours]).write(out)
    columns = ["key", "n_params", "arm", "d_chars", "seed", "loss"]
    before, after = (read_table(path)[columns].reset_index(drop=True) for path in (ours, out))
    pd.testing.assert_frame_equal(before, after)


def test_files_named_after_their_arm(tmp_path: Path) -> None:
    for name, loss in (("scratch", 3.0), ("wiki", 2.8)):
        (tmp_path / f"{name}.csv").write_text(
            f"params,chars,seed,loss\n1M,10,0,{loss}\n1M,20,0,{loss - 0.1}\n"
        )
    looked = look([tmp_path / "scratch.csv", tmp_path / "wiki.csv"])
    assert list(looked.runs.table["arm"]) == ["scratch", "scratch", "wiki", "wiki"]
    assert looked.law == "hernandez"
