"""What people call things: names of columns, and words for "from scratch". All data.

Names are compared in one spelling: `config.NumParams`, "Num params (M)" and `num_params_m` are num_params,
the last two in millions. Of several columns that could be meant, the one whose name comes first is taken.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from transferlaws.ingest.quantities import SCALES, UNITS


@dataclass(frozen=True)
class Meaning:
    """A target column, the unit that a name implies, and how the column becomes the target."""

    target: str
    unit: str
    names: tuple[str, ...]
    expression: str = "{}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MEANINGS = (
    Meaning("n_params", "parameters without embeddings", _names(
        "n_params_non_embedding non_embedding_params non_embedding_parameters n_params_no_embed "
        "params_no_embed "
        "params_non_embedding params_non_embed num_params_non_embedding num_non_embedding_params "
        "non_emb_params "
        "n_non_embedding params_without_embeddings non_embedding")),
    Meaning("n_params", "parameters", _names(
        "n_params params_active_precise num_params params nparams n_parameters num_parameters parameters "
        "parameter_count param_count params_count model_params model_parameters total_params params_total "
        "n_params_total total_parameters num_total_params trainable_params n_param nparam num_param param "
        "n_model_params model_n_params model_size_params N model_size modelsize size_params n_size "
        "params_all "
        "size sizes model_scale #params #parameters no_of_parameters number_of_parameters")),
    Meaning("n_params", "parameters, from the model's name", _names(
        "model model_name model_name_or_path model_id base_model architecture arch config_name model_type "
        "name "
        "run_name run exp_name experiment file"), "size({})"),
    Meaning("d_chars", "characters", _names(
        "d_chars d_finetune_chars finetune_chars fine_tune_chars d_f_chars n_chars num_chars chars "
        "characters "
        "n_characters num_characters train_chars training_chars data_chars chars_seen dataset_chars d_f "
        "d_finetune")),
    Meaning("d_chars", "bytes, each counted as a character", _names(
        "n_bytes num_bytes bytes train_bytes training_bytes data_bytes dataset_bytes finetune_bytes")),
    Meaning("d_tokens", "tokens", _names(
        "d_tokens d_finetune_tokens finetune_tokens fine_tune_tokens ft_tokens dataset_tokens data_tokens "
        "tokens n_tokens num_tokens ntokens train_tokens training_tokens n_train_tokens num_train_tokens "
        "total_tokens tokens_total token_count tokens_count tokens_seen seen_tokens num_input_tokens_seen "
        "tokens_trained num_tokens_seen n_tokens_seen consumed_tokens train_tokens_seen "
        "throughput_total_tokens "
        "unique_tokens")),
    Meaning("d_tokens", "tokens (the table names no unit)", _names(
        "D data data_size dataset_size datasize n_data amount_of_data d train_data training_data")),
    Meaning("d_tokens", "examples, not tokens", _names(
        "examples n_examples num_examples samples n_samples num_samples train_examples train_samples "
        "training_examples training_samples train_size training_size n_train num_train finetune_examples "
        "documents n_documents num_documents docs images n_images")),
    Meaning("arm", "", _names(
        "arm pretrained_on pretrain_data pretraining_data pretrain_dataset pretraining_dataset "
        "pretrain_corpus "
        "pretraining_corpus source source_data source_dataset pretraining pretrain pretrained pre_trained "
        "pretrained_from from_scratch init initialization initialisation init_from start_from "
        "initial_weights "
        "condition treatment group setting regime variant file")),
    Meaning("seed", "", _names(
        "seed random_seed rng_seed manual_seed global_seed init_seed model_seed data_seed seed_id "
        "replicate rep "
        "repeat replica repetition fold")),
    Meaning("run", "", _names(
        "run run_id run_name runid runname name id exp_name exp_id experiment_name experiment_id "
        "experiment "
        "job_id job trial trial_id display_name config_name model_name model file")),
    Meaning("step", "", _names(
        "step global_step steps train_step training_step iteration iterations iter iters it update updates "
        "num_updates n_steps num_steps checkpoint ckpt checkpoint_step epoch epochs")),
    Meaning("status", "", _names("status state run_status run_state outcome job_status job_state result")),
    Meaning("loss_sd", "nats", _names(
        "loss_sd loss_std loss_stdev loss_stddev std_loss sd_loss loss_sigma loss_err loss_error "
        "loss_uncertainty "
        "loss_stderr loss_se loss_sem std sd stdev stddev sigma stderr sem standard_error")),
    Meaning("learning_rate", "", _names(
        "learning_rate lr peak_lr max_lr base_lr learning_rate_peak peak_learning_rate max_learning_rate")),
    Meaning("batch_size", "", _names(
        "batch_size bs batch global_batch_size train_batch_size total_batch_size per_device_train_batch_size "
        "batch_size_in_tokens batchsize")),
    Meaning("weight_decay", "", _names("weight_decay wd weightdecay")),
)  # fmt: skip

ORDER = ("n_params", "arm", "d_chars", "d_tokens", "seed", "loss", "loss_sd", "loss_validation", "run",
        "step",
         "status", "learning_rate", "batch_size", "weight_decay")  # fmt: skip
"""Our columns, as they are written."""

FLOPS = _names("flops flop compute training_flops training_flop train_flops total_flops total_flos C")
SEQUENCE = _names("seq_len sequence_length context_length max_seq_len max_sequence_length block_size "
        "seq_length "
                  "n_ctx context max_seq_length seqlen")  # fmt: skip
TOKENS_A_PARAMETER = _names("tokens_per_param tokens_per_parameter d_n d_over_n tpp token_param_ratio")

SCRATCH = frozenset(_names(
    "scratch from_scratch none no false 0 random random_init randominit baseline no_pretraining "
    "not_pretrained "
    "unpretrained untrained no_pretrain without_pretraining de_novo"
))  # fmt: skip
"""What people call the arm that was not pre-trained."""

PREFIXES = frozenset(_names("config summary params metrics metric tags hparams hparam hyperparameters "
        "args arguments "
                            "user cfg param_values metric_values summary_metrics training_args"))  # fmt: skip

_SPLITS = {
    "test": 0, "heldout": 0, "holdout": 0, "held": 0, "val": 1, "valid": 1, "validation": 1, "eval": 1,
    "dev": 1,
    "evaluation": 1, "train": 3, "training": 3,
}  # fmt: skip
_METRICS = (  # last words of a name, how it becomes nats, its unit
    (_names("loss cross_entropy cross_entropy_loss crossentropyloss crossentropy ce ce_loss nll nll_loss "
        "xent "
            "lm_loss log_perplexity log_ppl nats_per_token nats L"), "{}", "nats a token"),
    (_names("perplexity ppl"), "log({})", "nats a token, the logarithm of perplexity"),
    (_names("bits_per_token bpt"), "{}*log(2)", "nats a token, from bits"),
    (_names("bits_per_byte bpb"), "{}*log(2)", "nats a byte, from bits"),
    (_names("bits_per_char bits_per_character bpc"), "{}*log(2)", "nats a character, from bits"),
    (_names("error error_rate err"), "{}", "error rate, not nats"),
)  # fmt: skip
_NO_LOSS = frozenset(_names(
    "sd std stddev stdev stderr sem se var variance ci lower upper low high aux auxiliary z router "
    "balance scale "
    "weight grad delta diff initial pretrain pretraining source relative ratio min__ __min __max "
    "uncertainty sigma "
    "gap reducible"
))  # fmt: skip


@dataclass(frozen=True)
class LossMeaning:
    """A column that holds a loss: how it becomes nats, its unit, its place among others (lowest first)."""

    split: int
    expression: str
    unit: str
    rank: tuple[int, int, int]

    @property
    def is_validation(self) -> bool:
        """Whether its name says that it was measured on validation data."""
        return self.split == _SPLITS["validation"]


@lru_cache(4096)
def loss_meaning(name: str) -> LossMeaning | None:
    """What loss a column holds, by its name alone; None if by its name it holds none."""
    spelled = "L" if name.strip() == "L" else spelling(name)[0][0]
    words = spelled.split("_")
    if _NO_LOSS & set(words) or name.endswith(("__MIN", "__MAX")):
        return None
    splits = [_SPLITS[word] for word in words if word in _SPLITS]
    rest = [
        word
        for word in words
        if word not in _SPLITS and word not in ("set", "out", "mean", "avg", "average", "final", "best")
    ]
    for metric, (phrases, expression, unit) in enumerate(_METRICS):
        for phrase in phrases:
            parts = phrase.split("_")
            if rest[-len(parts) :] == parts and (metric < len(_METRICS) - 1 or len(rest) == len(parts)):
                split = min(splits, default=2)
                return LossMeaning(split, expression, unit, (split, metric, len(rest) - len(parts)))
    return None


@lru_cache(4096)
def spelling(name: str) -> tuple[tuple[str, ...], float, str]:
    """A column's name in the one spelling, whole and then without leading parts; its scale; its unit.

    "Tokens (B)" is tokens, 1e9; `config.model.n_params` is model_n_params, then n_params.
    """
    name, scale, unit = name.strip(), 1.0, ""
    bracket = re.search(r"[(\[]([^()\[\]]*)[)\]]\s*$", name)
    if bracket:
        for word in re.findall(r"[a-z]+|1e\d+", bracket[1].lower()):
            scale *= SCALES.get(word, float(word) if word.startswith("1e") and word[2:] < "13" else 1.0)
            unit = UNITS.get(word, unit)
        name = name[: bracket.start()].strip()
    if name in ("N", "D", "L", "C"):
        return (name,), scale, unit
    segments = [part for part in re.split(r"[./:]", name) if part]
    while len(segments) > 1 and _snake(segments[0]) in PREFIXES:
        segments = segments[1:]
    if segments and segments[-1] in ("N", "D"):
        return (segments[-1],), scale, unit
    spelled = tuple(_snake(" ".join(segments[at:])) for at in range(len(segments))) or ("",)
    suffix = re.fullmatch(
        r"(.+?)(?:_in)?_(k|m|b|bn|mm|thousands?|millions?|billions?|trillions?|e6|e9)", spelled[0]
    )
    if suffix and scale == 1.0 and suffix[1] in _SCALED:
        word = suffix[2]
        scale = (
            float(f"1{word}") if word[1:].isdigit() else SCALES.get(word, SCALES.get(word.rstrip("s"), 1.0))
        )
        spelled = (suffix[1].upper() if len(suffix[1]) == 1 else suffix[1],)
    return spelled, scale, unit


def _snake(text: str) -> str:
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text.strip())
    return re.sub(r"[^a-z0-9#]+", "_", text.lower()).strip("_")


_SCALED = frozenset(
    name
    for meaning in MEANINGS
    if meaning.target in ("n_params", "d_tokens", "d_chars")
    for name in meaning.names
) | {"n", "d"}
