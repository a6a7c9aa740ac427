"""Models that somebody saved: three architectures, made here, read, trained, held against themselves."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from machine import Machine
from tiny import CORPUS, QUESTION, TINY
from transferlaws import Study, TransferLawsError
from transferlaws.cli import main
from transferlaws.models import given, lm
from transferlaws.models.ladder import SavedSize
from transferlaws.reports.own import Folders, read_models
from transferlaws.reports.page import write_report
from transferlaws.reports.sizing import study_for_hours
from transferlaws.runs.execute import Workbench, execute
from transferlaws.tokens import encode, given_tokenizer

VERILOG = ("verilog", CORPUS / "python")
V, D, L, F, T = 300, 24, 2, 40, 48  # vocabulary, width, layers, width of the MLP, most tokens

SHORT = replace(
    TINY,
    d_chars=(600, 1_200, 2_400),
    d_chars_scratch=(),
    seeds=((10**9, 1),),
    recipe=replace(TINY.recipe, patience=1, tolerance=0.2, max_tokens=100_000),
)


MODELS: dict[str, tuple[Callable[[], Any], int]] = {
    # with its parameters, less those of embeddings and output, by the papers' arithmetic
    "gpt2": (
        lambda: GPT2LMHeadModel(GPT2Config(vocab_size=V, n_embd=D, n_layer=L, n_head=2, n_positions=T)),
        L * (12 * D * D + 13 * D) + 2 * D,
    ),
    "llama": (
        lambda: LlamaForCausalLM(
            LlamaConfig(
                vocab_size=V, hidden_size=D, intermediate_size=F, num_hidden_layers=L, num_attention_heads=2,
                num_key_value_heads=1, max_position_embeddings=T,
            )
        ),
        L * (3 * D * D + 3 * D * F + 2 * D) + D,
    ),
    "neox": (
        lambda: GPTNeoXForCausalLM(
            GPTNeoXConfig(
                vocab_size=V, hidden_size=D, intermediate_size=F, num_hidden_layers=L, num_attention_heads=2,
                max_position_embeddings=T,
            )
        ),
        L * (4 * D * D + 4 * D + 2 * D * F + F + D + 4 * D) + 2 * D,
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(study_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(study_cache))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each of the models, fresh from `save_pretrained`, with one tokenizer."""
    backend = Tokenizer(models.BPE(unk_token="<unk>"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    texts = [path.read_text("utf-8") for path in sorted(CORPUS.rglob("*.py"))]
    backend.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=V, special_tokens=["<unk>", "</s>"], show_progress=False)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")
    folder = tmp_path_factory.mktemp("saved")
    for name, (make, _) in MODELS.items():
        torch.manual_seed(1)
        make().save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return folder


def copy(saved: Path, tmp_path: Path) -> Path:
    """The smallest of the models, to be damaged."""
    return shutil.copytree(saved / "gpt2", tmp_path / "gpt2")


@pytest.mark.parametrize("name", MODELS)
def test_any_architecture_is_counted_read_trained_and_scored(name: str, saved: Path, tmp_path: Path) -> None:
    size = given.size_of(saved / name)
    assert size.n_params == MODELS[name][1]
    assert size.vocabulary == V and size.longest == T
    model = given.load(saved / name, size)
    x = torch.arange(2 * 12).view(2, 12) + 5
    theirs = float(model.model(input_ids=x, labels=x).loss.detach())  # of eleven tokens, as they count them
    assert float(lm.mean_loss(model, x[:, :-1], x[:, 1:]).detach()) == pytest.approx(theirs, abs=1e-5)
    assert float(lm.total_loss(model, x[:, :-1], x[:, 1:])) == pytest.approx(22 * theirs, abs=1e-3)
    study = read_models(name, [saved / name], VERILOG, tmp_path, QUESTION).at_scale(
        replace(SHORT, recipe=TINY.recipe)
    )
    assert study.scale.context == 32 and study.plan.vocabulary_size == V
    workspace, specs = study.workspace(progress=False), [(c.role, c.arm, c.spec) for c in study.cells()]
    found = {}
    for role, arm in (("pretrain", name), ("run", name), ("tune", name), ("tune", "scratch")):
        spec = next(spec for r, a, spec in specs if (r, a) == (role, arm) and spec is not None)
        found[role, arm] = execute(spec, workspace).outcome
    untrained = found["run", name]
    assert untrained["loss"] == found["pretrain", name]["loss"]  # the model as it was saved
    passages = study.corpora(progress=False)["verilog"].excerpts("test", 2_000, seed=0)
    tokenizer = given_tokenizer(saved / name)
    count = sum(len(tokenizer.encode(text)) + 1 for text in passages)  # with the end of each
    bits = untrained["loss"] * count / math.log(2) / sum(map(len, passages))
    assert untrained["bits_per_char"] == pytest.approx(bits)  # of the text, whatever its tokens are
    assert untrained["loss"] == pytest.approx(math.log(V), abs=0.2)  # random weights
    losses = [found["tune", arm]["loss"] for arm in (name, "scratch")]
    assert max(losses) < untrained["loss"] - 0.2 and losses[0] != losses[1]  # both learn, from other weights


def train(study: Study) -> None:
    """Every run of a study, in this process."""
    workspace = study.workspace(progress=False)
    while missing := [c.spec for c in study.cells() if c.spec and study.store.read(c.spec.key) is None]:
        for spec in missing:
            record = execute(spec, workspace)
            assert record.status == "ok", record.outcome


def test_sizes_of_a_family_become_a_report(saved: Path, tmp_path: Path) -> None:
    large = saved / "gpt2-large"
    shutil.copytree(saved / "gpt2", large)
    config = GPT2Config(vocab_size=V, n_embd=2 * D, n_layer=L, n_head=2, n_positions=T)
    GPT2LMHeadModel(config).save_pretrained(large)
    folders = read_models("gpt2", [large, saved / "gpt2"], VERILOG, tmp_path, QUESTION)
    study = folders.at_scale(SHORT)
    assert [size.n_params for size in study.scale.sizes] == [MODELS["gpt2"][1], 56_640]
    train(study)
    report = write_report(folders, study, bootstrap=50, seed=0).read_text("utf-8")
    assert "Start from gpt2?" in report and "Effective data, gpt2" in report
    assert "Without any of verilog, as they were saved, their loss is" in report
    assert "what these models have read is not known here" in report
    assert "of the passages of verilog do not come back unchanged" in report  # large letters
    with pytest.raises(TransferLawsError, match="56,640 and 56,640 parameters"):
        read_models("gpt2", [large, large], VERILOG, tmp_path, QUESTION)
    one = read_models("gpt2", [saved / "gpt2"], VERILOG, tmp_path, QUESTION)
    alone = one.at_scale(SHORT)
    report = write_report(one, alone, bootstrap=50, seed=0).read_text("utf-8")  # of the runs that are there
    assert "One size was run." in report and "only the low end of the interval is said" in report


def test_hours_buy_a_study_of_a_given_model(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its speed is measured on itself; what runs take is a machine's."""
    machine = Machine(epochs=30, slow=60)
    monkeypatch.setattr(Study, "ensure", lambda study, arms=None, **_: machine.ensure(study, arms))
    folders = read_models("gpt2", [saved / "gpt2"], VERILOG, tmp_path, QUESTION)
    with pytest.raises(TransferLawsError, match=r"--core-hours 0.001 is too little"):
        study_for_hours(folders, 0.001, jobs=None, say=lambda _: None)
    study = study_for_hours(folders, 2.0, jobs=None, say=lambda _: None)
    (size,) = folders.models
    assert study.scale.sizes == (size,) and study.scale.context == T
    design = json.loads((tmp_path / "design.json").read_text("utf-8"))
    assert design["core_hours_spent"] == pytest.approx(2, rel=0.25)
    assert list(design["pilot"]["flops_per_second"]) == [str(size)]
    words = (tmp_path / "design.md").read_text("utf-8")
    assert "What is starting from gpt2 worth for verilog?" in words and "the models are given" in words
    report = write_report(folders, study, bootstrap=50, seed=0).read_text("utf-8")
    assert "Start from gpt2? Yes." in report and "One size was run." in report
    other = read_models("gpt2", [saved / "llama"], VERILOG, tmp_path, QUESTION)
    with pytest.raises(TransferLawsError, match="design of other"):
        study_for_hours(other, 2.0, jobs=None, say=lambda _: None)


@pytest.mark.parametrize("smooth", [False, True])
def test_a_rate_at_which_a_given_model_only_gets_worse_is_no_optimum(
    smooth: bool, saved: Path, tmp_path: Path
) -> None:
    """Its loss is that of the start at every such rate: level, and lower than those of rates too low."""
    machine = Machine(epochs=1, slow=1, too_high=2e-4)
    folders = read_models("gpt2", [saved / "gpt2"], VERILOG, tmp_path, QUESTION)
    scale = replace(SHORT, tuning=replace(SHORT.tuning, d_chars=(600, 1_200), most_rates=8, smooth=smooth))
    study = folders.at_scale(scale)
    machine.ensure(study)
    tuned = study.table().query("arm == 'gpt2' and d_chars > 0")
    assert len(tuned) == 3 and tuned["learning_rate"].max() <= 2e-4
    never = replace(SHORT, name="never", tuning=scale.tuning)
    study = folders.at_scale(never)
    Machine(epochs=1, slow=1, too_high=0.0).ensure(study)
    assert study.is_complete()


def test_a_vocabulary_beyond_65536_is_read_written_and_trained_on(tmp_path: Path) -> None:
    """Every word of the target has a number that two bytes do not hold."""
    words = sorted({word for path in CORPUS.rglob("*.py") for word in path.read_text("utf-8").split()})
    names = ["<unk>", "</s>", *(f"<{place}>" for place in range(2**16)), *words]
    backend = Tokenizer(models.WordLevel({name: place for place, name in enumerate(names)}, "<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = tmp_path / "wide"
    config = GPT2Config(vocab_size=len(names), n_embd=8, n_layer=1, n_head=1, n_positions=T)
    GPT2LMHeadModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>").save_pretrained(folder)
    recipe = replace(TINY.recipe, stop_chars_least=300, stop_chars=300, test_chars=600, max_tokens=300)
    study = read_models("wide", [folder], VERILOG, tmp_path / "out", QUESTION).at_scale(
        replace(SHORT, recipe=recipe)
    )
    target = study.corpora(progress=False)["verilog"]
    encoded = encode(target, "test", 600, 0, given_tokenizer(folder), tmp_path)
    ends = np.flatnonzero(encoded.tokens == 1)  # one before the first text, one after each
    texts = [[names[token] for token in text[:-1]] for text in np.split(encoded.tokens, ends + 1)[1:-1]]
    assert texts == [text.split() for text in target.excerpts("test", 600, seed=0)]
    (spec, *_) = (cell.spec for cell in study.cells(["scratch"]) if cell.spec is not None)
    record = execute(spec, study.workspace(progress=False))
    losses = [point[3] for point in record.curve]
    assert record.status == "ok" and losses[0] < math.log(len(names)) + 0.1


def refuse(folder: Path, why: str) -> None:
    with pytest.raises(TransferLawsError, match=why):
        read_models("gpt2", [folder], VERILOG, folder / "out", QUESTION)


def test_what_could_run_code_and_what_is_not_whole_is_refused(saved: Path, tmp_path: Path) -> None:
    folder = copy(saved, tmp_path)
    config = json.loads((folder / "config.json").read_text())

    def say(**settings: Any) -> None:
        (folder / "config.json").write_text(json.dumps(config | settings))

    say(model_type="mine", auto_map={"AutoConfig": "code.Mine", "AutoModelForCausalLM": "code.Model"})
    (folder / "code.py").write_text("raise SystemExit('it ran')")
    refuse(folder, "no causal language model that can be read")
    say(quantization_config={"bits": 4})
    refuse(folder, "quantized")
    say(n_layer=L + 1)
    whole = given.size_of(folder)
    with pytest.raises(TransferLawsError, match=r"lacks weights of its model: transformer\.h\.2"):
        given.load(folder, whole)
    say()
    (folder / "tokenizer.json").rename(folder / "aside.json")
    refuse(folder, "no tokenizer.json")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refuse(folder, "pickle")
    BertLMHeadModel(BertConfig(vocab_size=V, hidden_size=D, num_hidden_layers=1, num_attention_heads=2,
                               intermediate_size=F)).save_pretrained(folder)  # fmt: skip
    (folder / "aside.json").rename(folder / "tokenizer.json")
    refuse(folder, "sees the tokens it is to predict")


def test_a_model_that_changed_is_another_source(saved: Path, tmp_path: Path) -> None:
    folder = copy(saved, tmp_path)

    def read() -> Folders:
        return read_models("gpt2", [folder], VERILOG, tmp_path / "out", QUESTION)

    study = read().at_scale(SHORT)
    GPT2LMHeadModel.from_pretrained(folder).save_pretrained(folder)  # the same again
    assert read().models == {size: folder for size in study.scale.sizes if isinstance(size, SavedSize)}
    make, _ = MODELS["gpt2"]
    make().save_pretrained(folder)
    specs = [{cell.spec.key for cell in s.cells() if cell.spec} for s in (study, read().at_scale(SHORT))]
    assert specs[0].isdisjoint(specs[1])
    (spec,) = (cell.spec for cell in study.cells() if cell.role == "pretrain")
    assert spec is not None
    with pytest.raises(TransferLawsError, match="has changed since this study began"):
        Workbench(study.workspace(progress=False)).tokenizer(spec)


def test_models_and_text_are_not_mixed(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ["--target", f"verilog={CORPUS / 'python'}", "--out", str(tmp_path)]
    sources = ["--source", f"gpt2={saved / 'gpt2'}", "--source"]
    assert main(["study", *sources, f"german={CORPUS / 'english'}", *target]) == 2
    assert "not both in one study" in capsys.readouterr().err
    assert main(["study", *sources, f"llama={saved / 'llama'}", *target]) == 2
    assert "a study of its own" in capsys.readouterr().err
    target[1] = f"verilog={saved / 'gpt2'}"
    assert main(["study", "--source", f"german={CORPUS / 'english'}", *target]) == 1
    assert "holds a saved model, not text" in capsys.readouterr().err
