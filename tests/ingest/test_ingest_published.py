"""Ready mappings on small files of the shape that each public release has, and the runs that `fit` takes."""

from pathlib import Path

import pandas as pd
import pytest

from transferlaws import cli
from transferlaws.ingest import look
from transferlaws.ingest.published import PUBLISHED

C4 = "eval/c4_en-validation/CrossEntropyLoss"
SHAPES: dict[str, tuple[str, str]] = {
    "chinchilla": ("points.csv", "Model Size,Training FLOP,loss\n1e8,6e17,3.5\n2e8,6e18,3.2\n"),
    "gemstones": (
        "hot.jsonl",
        '{"run_name":"a","params_active_precise":100000000,"width":8,"tokens":1000000000,"step":1,"final_loss":3.5}\n'
        '{"run_name":"a","params_active_precise":100000000,"width":8,"tokens":2000000000,"step":2,"final_loss":3.2}\n',
    ),
    "step-law": (
        "dense.csv",
        "h,lr,bs,ti,loss,smooth loss,exp_name,D,N,D/N\n9,1e-3,32,1,3.6,3.5,x,1e9,1e8,10\n"
        "9,2e-3,32,1,3.7,3.6,y,1e9,1e8,10\n9,2e-3,64,1,3.3,3.2,z,5e9,2e8,25\n",
    ),
    "rectified": ("flan.csv", "config name,0,200,400,size,family\ngpt2,4.8,4.3,4.2,124439808,GPT2\n"),
    "data-constrained": (
        "runs.csv",
        "params,tokens,unique_tokens,loss\n2800000000,55000000000,11000000000,2.599\n"
        "2800000000,55000000000,4000000000,2.7\n",
    ),
    "olmo-ladder": (
        "190M-1xC.csv",
        f"_step,{C4},eval/downstream_bpb/arc_bpb,learning_rate_peak,batch_size_in_tokens\n"
        "200,6.1,3.5,1e-3,524288\n400,5.2,3.4,1e-3,524288\n",
    ),
    "loss-to-loss": (
        "models.csv",
        "Name,Size,Pretraining Data,Tokens,Train Loss,C4 Validation Loss,ARC-Easy Loss,Intervention\n"
        ",,,,,,,Size\nllama,1713670144,C4,115000000000,,3.24,6.7,False\n"
        "pythia,123689472,The Pile,299892736000,,4.13,7.9,False\n",
    ),
    "pfnet-transfer": (
        "finetune.csv",
        "n_eval,value,pretrain.data,pscale,ptask,fdata,fratio,ftask,model,nparam,pdata\n"
        "5,0.1,20000,1280k,mulclass,imagenet,1,sinclass,r101,42.8,bop\n"
        "9,0.2,20000,1280k,mulclass,imagenet,1,sinclass,r101,42.8,bop\n"
        "9,0.3,40000,1280k,mulclass,imagenet,1,sinclass,r101,42.8,bop\n",
    ),
}
FIRST = {  # the first run by hand: size, data, loss
    "chinchilla": (1e8, 1e9, 3.5),
    "gemstones": (1e8, 1e9, 3.5),
    "step-law": (1e8, 1e9, 3.5),
    "rectified": (124439808, 0, 4.8),
    "data-constrained": (2.8e9, 55e9, 2.599),
    "olmo-ladder": (190354176, 200 * 524288, 6.1),
    "loss-to-loss": (1713670144, 115e9, 3.24),
    "pfnet-transfer": (42.8e6, 20000, 0.8),
}


@pytest.mark.parametrize("name", [one.name for one in PUBLISHED])
def test_a_ready_mapping_reads_its_release(name: str, tmp_path: Path) -> None:
    path = tmp_path / SHAPES[name][0]
    path.write_text(SHAPES[name][1])
    looked = look([path], like=name)
    assert not looked.missing, looked.summary()
    first = looked.runs.table.iloc[0]
    assert (first["n_params"], first["d_tokens"], first["loss"]) == pytest.approx(FIRST[name])
    assert len(looked.runs.table) == {"rectified": 3}.get(name, 2)
    assert looked.like is not None
    assert looked.like.fact in looked.summary()
    looked.write(tmp_path / "table.csv")


def test_ready_mappings_state_what_to_compare_with_and_whence() -> None:
    assert {one.name for one in PUBLISHED} == set(SHAPES)
    for one in PUBLISHED:
        assert one.fact and one.source and "/" in one.shape


def test_a_ready_mapping_for_another_table_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.csv"
    path.write_text("N,D,pain\n1,2,3\n")
    assert cli.main(["ingest", str(path), "--like", "gemstones", "--dry-run"]) == 2
    assert cli.main(["ingest", str(path), "--like", "nobody", "--dry-run"]) == 2
    assert "loss-to-loss" in capsys.readouterr().err


def test_the_published_points_fit_as_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the columns of the release to Besiroglu et al.'s exponents, by the commands of the README."""
    import json

    points = pd.read_csv(Path(__file__).parent.parent / "laws" / "data" / "chinchilla_points.csv")
    release, table, laws = (tmp_path / name for name in ("release.csv", "table.csv", "laws.json"))
    points.rename(columns={"n_params": "Model Size", "flops": "Training FLOP"})[
        ["Model Size", "Training FLOP", "loss"]
    ].to_csv(release, index=False)
    assert cli.main(["ingest", str(release), "--like", "chinchilla", "--out", str(table)]) == 0
    fit = [
        "fit",
        str(table),
        "--law",
        "chinchilla",
        "--drop-highest",
        "5",
        "--bootstrap",
        "0",
        "--out",
        str(laws),
    ]
    assert cli.main(fit) == 0
    row = json.loads(laws.read_text())["rows"][0]
    assert row["alpha"]["value"] == pytest.approx(0.348, abs=0.005)
    assert row["beta"]["value"] == pytest.approx(0.366, abs=0.005)
    assert "alpha 0.348" in capsys.readouterr().out
