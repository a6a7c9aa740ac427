"""What trackers leave: W&B, MLflow, TensorBoard and the Trainer, each as its own writer writes it."""

import json
import struct
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from transferlaws.errors import TransferLawsError
from transferlaws.ingest import look
from transferlaws.ingest.events import masked_crc


def test_wandb_exports(tmp_path: Path) -> None:
    """The runs page as CSV, the API's columns of dicts, and runs as JSON with {"value": x}."""
    page = tmp_path / "page.csv"
    page.write_text(
        '"Name","State","Group","model_size","tokens","eval/loss","train/loss"\n'
        '"a","finished","scratch","125M","1e6","3.2","3.1"\n"b","crashed","wiki","125M","1e6","9","9"\n'
        '"c","finished","wiki","125M","1e6","3.0","2.9"\n'
    )
    looked = look([page])
    assert list(looked.runs.table["loss"]) == [3.2, 3.0]
    assert list(looked.runs.table["arm"]) == ["scratch", "wiki"]
    assert "status 'crashed'" in looked.summary()
    api = tmp_path / "api.csv"
    rows = [
        {"summary": str({"eval/loss": loss, "x": float("nan")}), "config": str({"n_params": 5, "tokens": d})}
        for loss, d in ((3.0, 10), (2.5, 20))
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(api)
    assert list(look([api]).runs.table["d_tokens"]) == [10, 20]
    nested = tmp_path / "runs.json"
    config = {"model": {"n_params": {"value": 5}}, "tokens": {"value": 7, "desc": None}}
    nested.write_text(
        json.dumps([{"id": "x", "state": "finished", "config": config, "summary": {"val_loss": 2.0}}])
    )
    table = look([nested]).runs.table
    assert list(table[["n_params", "d_tokens", "loss"]].iloc[0]) == [5, 7, 2]


def test_a_wandb_chart(tmp_path: Path) -> None:
    chart = tmp_path / "chart.csv"
    chart.write_text(
        '"Step","gpt-125M - eval/loss","gpt-125M - eval/loss__MIN","gpt-350M - eval/loss",'
        '"gpt-350M - eval/loss__MIN"\n10,3.5,3,3.4,3\n20,3.2,3,3.1,3\n'
    )
    table = look([chart], {"d_tokens": "Step*1000"}).runs.table
    assert sorted(table["n_params"].unique()) == [125e6, 350e6]
    assert sorted(table["loss"]) == [3.1, 3.2, 3.4, 3.5]


def test_mlflow_folder_and_csv(tmp_path: Path) -> None:
    for name, status, losses in (("a", 3, (3.5, 3.2, 3.4)), ("b", 4, (9.0,))):
        run = tmp_path / "mlruns" / "0" / name
        for kind in ("params", "metrics", "tags"):
            (run / kind).mkdir(parents=True)
        (run / "meta.yaml").write_text(
            f"lifecycle_stage: active\nrun_id: {name}\nrun_name: {name}\nstatus: {status}\n"
        )
        (run / "params" / "n_params").write_text("1000")
        (run / "params" / "d_chars").write_text("10")
        (run / "metrics" / "val_loss").write_text(
            "".join(f"17 {x} {step}\n" for step, x in enumerate(losses))
        )
    looked = look([tmp_path / "mlruns"])
    assert list(looked.runs.table["loss"]) == [3.2]
    assert "status 'failed'" in looked.summary()
    exported = tmp_path / "runs.csv"
    exported.write_text(
        "run_id,status,metrics.val_loss,params.n_params,params.n_tokens\nx,FINISHED,3.1,1000,10\ny,KILLED,3,1000,20\n"
    )
    assert list(look([exported]).runs.table["loss"]) == [3.1]


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2, len(data)]) + data


def event(step: int, tag: str, value: float, tensor: bool = False) -> bytes:
    shown = (
        field(8, bytes([0x08, 1, 0x2D]) + struct.pack("<f", value))
        if tensor
        else b"\x15" + struct.pack("<f", value)
    )
    summary = field(1, field(1, tag.encode()) + shown)
    return record(b"\x09" + struct.pack("<d", 1.0) + bytes([0x10, step]) + field(5, summary))


def event_file(folder: Path, events: Iterable[bytes]) -> Path:
    folder.mkdir(parents=True)
    path = folder / "events.out.tfevents.1.host"
    path.write_bytes(record(b"\x09" + struct.pack("<d", 1.0) + field(3, b"brain.Event:2")) + b"".join(events))
    return path


def test_the_checksum_is_the_one_of_rfc_3720() -> None:
    crc = 0xE3069283  # CRC-32C of "123456789"
    assert masked_crc(b"123456789") == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_tensorboard_folders(tmp_path: Path) -> None:
    for size, tensor in (("125M", False), ("350M", True)):
        curve = [event(step, "eval/loss", 4 - step / 100, tensor) for step in (10, 20)]
        event_file(
            tmp_path / f"gpt-{size},seed3",
            [event(9, "tokens_seen", 500.0), event(19, "tokens_seen", 900.0), *curve],
        )
    table = look([tmp_path]).runs.table
    assert list(table["n_params"]) == [125e6, 125e6, 350e6, 350e6]
    assert list(table["d_tokens"]) == [500, 900, 500, 900]
    assert list(table["loss"]) == pytest.approx([3.9, 3.8, 3.9, 3.8])
    assert set(table["seed"]) == {"3"}


@pytest.mark.parametrize("harm", ["cut", "flipped"])
def test_a_damaged_event_file_gives_what_is_whole(harm: str, tmp_path: Path) -> None:
    path = event_file(tmp_path / "gpt-1M", [event(step, "eval/loss", 3.0) for step in (1, 2, 3)])
    data = bytearray(path.read_bytes())
    if harm == "cut":
        del data[-5:]
    else:
        data[-8] ^= 255
    path.write_bytes(bytes(data))
    looked = look([tmp_path], {"d_tokens": "step*10"})
    assert len(looked.runs.table) == 2
    assert "damaged after" in looked.summary()


def test_a_trainer_and_its_checkpoints(tmp_path: Path) -> None:
    for run, shift in (("gpt2-124M-seed0", 0.0), ("gpt2-124M-seed1", 0.1)):
        for last in (10, 20):
            log = [
                entry
                for step in range(10, last + 1, 10)
                for entry in (
                    {"loss": 5.0, "step": step, "learning_rate": 1e-4},
                    {"eval_loss": 4 - step / 20 + shift, "step": step, "num_input_tokens_seen": 1000},
                )
            ]
            folder = tmp_path / run / f"checkpoint-{last}"
            folder.mkdir(parents=True)
            (folder / "trainer_state.json").write_text(
                json.dumps({"log_history": log, "global_step": last, "max_steps": 20})
            )
    table = look([tmp_path]).runs.table
    assert list(table["loss"]) == pytest.approx([3.0, 3.1])
    assert list(table["n_params"]) == [124e6, 124e6]
    single = tmp_path / "gpt2-124M-seed0" / "checkpoint-20" / "trainer_state.json"
    assert list(look([single], {"n_params": "124e6"}).runs.table["loss"]) == [3.0]


def test_a_folder_of_nothing_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TransferLawsError, match="its 1 tables one by one"):
        look([tmp_path])
