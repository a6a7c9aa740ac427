"""Ready mappings for public tables of runs, by name, each with the published fit as a fact to compare with.

Columns are as the release has them; `shape` says where that was looked up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from transferlaws.errors import UsageError


@dataclass(frozen=True)
class Published:
    """A public table: what its columns are, what its authors fitted to it, and where both are from."""

    name: str
    title: str
    mapping: Mapping[str, str]
    fact: str
    source: str
    shape: str
    law: str = "chinchilla"
    tuning: tuple[str, ...] = ()
    checkpoint: str = "best"
    units: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, float] = field(default_factory=dict)


PUBLISHED = (
    Published(
        "chinchilla",
        "the points of Figure 4 of Chinchilla",
        {"n_params": "`Model Size`", "d_tokens": "`Training FLOP`/(6*`Model Size`)", "loss": "loss"},
        "on the 240 runs of lowest loss: E 1.817, A 482.01, B 2085.43, alpha 0.348 [0.317, 0.373], "
        "beta 0.366 [0.331, 0.415] (drop the 5 highest losses)",
        "Besiroglu et al. 2024, arXiv 2404.10102",
        "epoch-research/analyzing-chinchilla, data/svg_extracted_data.csv",
    ),
    Published(
        "gemstones",
        "checkpoints of the Gemstones suite",
        {"n_params": "params_active_precise", "d_tokens": "tokens", "loss": "final_loss", "run": "run_name"},
        "on hot_100b+ (22 models): alpha 0.258, beta 0.591, E 0.666, log A 4.876, log B 12.698",
        "McLeish et al. 2025, the release's fit by approach 3",
        "mcleish7/gemstone-scaling-laws, wandb_dfs/wandb_df_for_fitting_*.jsonl and parameters_delta-4/",
    ),
    Published(
        "step-law",
        "the learning-rate and batch-size grids of Step Law",
        {"n_params": "N", "d_tokens": "D", "loss": "`smooth loss`", "learning_rate": "lr", "batch_size": "bs",
         "run": "exp_name"},
        "best learning rate 1.79 N^-0.713 D^0.307, best batch 0.58 D^0.571 tokens",
        "Li et al. 2025, arXiv 2503.04715",
        "step-law/steplaw, data/dense_lr_bs_loss.csv",
        tuning=("learning_rate", "batch_size"),
    ),
    Published(
        "rectified",
        "fine-tuning grids of the rectified scaling law",
        {"n_params": "size", "d_tokens": "data", "loss": "loss", "run": "`config name`"},
        "B/(D_l + D^beta) + E for each model alone; on a logarithmic scale its deviation is below that of "
        "B/D^beta + E for nearly every model. D counts examples, D = 0 is the loss before fine-tuning",
        "Lin et al. 2024, arXiv 2402.02314",
        "linhaowei1/Fine-tuning-Scaling-Law, benchmark/{flan,wmt19,gigaword}.csv and results/rmsd.csv",
        law="rectified",
        units={"d_tokens": "examples, not tokens"},
    ),
    Published(
        "data-constrained",
        "runs with repeated data",
        {"n_params": "params", "d_tokens": "tokens", "loss": "loss"},
        "alpha = beta = 0.353 (tied), A 521, B 1488, E 1.87; the worth of repeats decays with the constant "
        "R_D* = 15.39 epochs, of parameters with R_N* = 5.31. unique_tokens is carried along; this law has "
        "no term for it",
        "Muennighoff et al. 2023, arXiv 2305.16264",
        "huggingface/datablations, README and utils/parametric_fit.ipynb (params, tokens, unique_tokens, "
        "loss)",
    ),
    Published(
        "olmo-ladder",
        "curves of the OLMo model ladder, one file a run",
        {"n_params": "size(file)", "d_tokens": "_step*batch_size_in_tokens", "run": "file",
         "loss": "`eval/c4_en-validation/CrossEntropyLoss`", "learning_rate": "learning_rate_peak",
         "step": "_step"},
        "A/N^alpha + B/D^beta + E for each task's loss from ladders of 190M to 1.3B, then accuracy: "
        "within 2 points "
        "on four tasks for 7B at 4T tokens and 13B at 5T. Only a run's last row has finished its schedule",
        "Bhagia et al. 2024, arXiv 2412.04403",
        "allenai/OLMo-ladder, src/scaling/download_wandb_logs.py; sizes from "
        "src/scripts/paper/configs/final.json",
        sizes={"190M": 190_354_176, "370M": 371_262_464, "760M": 758_220_288, "1B": 1_279_395_840,
               "1.3B": 1_279_395_840, "7B": 6_887_575_552, "13B": 13_202_396_160},
    ),
    Published(
        "loss-to-loss",
        "losses of public models on several sets",
        {"n_params": "Size", "d_tokens": "Tokens", "loss": "`C4 Validation Loss`",
         "arm": "`Pretraining Data`", "run": "Name"},
        "between two losses L_y = K (L_x - E_x)^kappa + E_y; pre-training data and tokenizer set the "
        "line, size and "
        "architecture hardly do",
        "Mayilvahanan et al. 2025, arXiv 2502.12120; Brandfonbrener et al. 2024, arXiv 2411.12925",
        "brendel-group/llm-line, data/latest_pm_hf.csv",
    ),
    Published(
        "pfnet-transfer",
        "transfer from rendered pictures, by size of pre-training",
        {"n_params": "nparam*1e6", "d_tokens": "`pretrain.data`", "loss": "1-value", "step": "n_eval",
         "arm": "pdata+pscale+ptask+fdata+ftask+fratio",
         "run": "pdata+pscale+ptask+fdata+ftask+fratio+model"},
        "delta (gamma + n^-alpha) s^-beta for the error, n pictures of pre-training, s of fine-tuning: "
        "pre-training "
        "helps down to a floor, the transfer gap gamma. value is an accuracy, so the loss here is an "
        "error rate",
        "Mikami et al. 2021, arXiv 2108.11018",
        "pfnet-research/cg-transfer, results/results_finetune.csv and results/README.md",
        units={"d_tokens": "pictures of pre-training, not tokens", "loss": "error rate, not nats"},
    ),
)  # fmt: skip


def published(name: str) -> Published:
    """The ready mapping of that name; raises UsageError, listing them, for any other."""
    for one in PUBLISHED:
        if one.name == name:
            return one
    raise UsageError(f"--like {name!r}: it takes {', '.join(one.name for one in PUBLISHED)}")
