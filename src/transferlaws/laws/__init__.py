"""Laws from tables of (n_params, d_chars, loss): curves, effective data, laws of transfer, what they know.

Nothing here knows of corpora, models or torch: any table of runs will do. Ask this module for every name in
`__all__`; the rooms behind it may change. A name is imported on first use (PEP 562): the estimators and their
scipy take several times as long to load as the forms and curves, which are all that a planner needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transferlaws.laws.curves.curve import Curve, Curves, MeasuredCurve
    from transferlaws.laws.curves.floors import Floor, floors
    from transferlaws.laws.curves.predictive import Predictive
    from transferlaws.laws.curves.scratch import fit_curves
    from transferlaws.laws.data import SCRATCH
    from transferlaws.laws.data.cells import noise_of, run_noise
    from transferlaws.laws.data.noise import Noise
    from transferlaws.laws.data.synthetic import PLANTED, Design, Scratch, plant
    from transferlaws.laws.data.table import check_table, notes, read_table, sources, without_highest
    from transferlaws.laws.data.tuning import Tuning, tuning_of
    from transferlaws.laws.data.words import ENDING_OF, TUNED, word
    from transferlaws.laws.document import laws_document, read_laws, write_laws
    from transferlaws.laws.estimators.effective import effective_data
    from transferlaws.laws.estimators.loss_form import fit_form
    from transferlaws.laws.estimators.result import Fit, FormFit, Interval, Result, predict_loss
    from transferlaws.laws.estimators.transfer import METHODS, fit, fit_all, leave_outs
    from transferlaws.laws.estimators.two_step import individual_lines
    from transferlaws.laws.forms import (
        LOSS_FORMS,
        BrokenPower,
        Chinchilla,
        Curved,
        Hernandez,
        Kaplan,
        LossForm,
    )
    from transferlaws.laws.forms.loss_forms import (
        Multiplicative,
        Rectified,
        Tied,
        TransferGap,
        Unified,
        UnifiedFloor,
    )
    from transferlaws.laws.forms.one_size import PowerOfData, RectifiedAtOneSize
    from transferlaws.laws.questions.compare import BASELINE, NOISE, Comparison, compare, declare_hold_out
    from transferlaws.laws.questions.curvature import Curvature, curvature
    from transferlaws.laws.questions.designs import design_of, larger_designs, planted_law, scratch_of
    from transferlaws.laws.questions.equality import Equality, same_exponent
    from transferlaws.laws.questions.gain import Gain, gain
    from transferlaws.laws.questions.held_out import held_out
    from transferlaws.laws.questions.information import expected_sd, next_cells
    from transferlaws.laws.questions.local_alpha import LocalAlpha, local_alpha
    from transferlaws.laws.questions.power import Power, power
    from transferlaws.laws.questions.regret import regret
    from transferlaws.laws.questions.rises import rises
    from transferlaws.laws.status import CellStatus, Status

__all__ = [
    "BASELINE", "ENDING_OF", "LOSS_FORMS", "METHODS", "NOISE", "PLANTED", "SCRATCH", "TUNED",
    "BrokenPower", "CellStatus", "Chinchilla", "Comparison", "Curvature", "Curve", "Curved", "Curves",
    "Design", "Equality", "Fit", "Floor", "FormFit", "Gain", "Hernandez", "Interval", "Kaplan",
    "LocalAlpha", "LossForm", "MeasuredCurve", "Multiplicative", "Noise", "Power", "PowerOfData",
    "Predictive", "Rectified", "RectifiedAtOneSize", "Result", "Scratch", "Status", "Tied", "TransferGap",
    "Tuning", "Unified", "UnifiedFloor", "check_table", "compare", "curvature", "declare_hold_out",
    "design_of", "effective_data", "expected_sd", "fit", "fit_all", "fit_curves", "fit_form", "floors",
    "gain", "held_out", "individual_lines", "larger_designs", "laws_document", "leave_outs",
    "local_alpha", "next_cells", "noise_of", "notes", "plant", "planted_law", "power", "predict_loss",
    "read_laws", "read_table", "regret", "rises", "run_noise", "same_exponent", "scratch_of", "sources",
    "tuning_of", "without_highest", "word", "write_laws",
]  # fmt: skip
_ROOMS = {
    "curves.curve": "Curve Curves MeasuredCurve",
    "curves.floors": "Floor floors",
    "curves.predictive": "Predictive",
    "curves.scratch": "fit_curves",
    "data": "SCRATCH",
    "data.cells": "noise_of run_noise",
    "data.noise": "Noise",
    "data.synthetic": "PLANTED Design Scratch plant",
    "data.table": "check_table notes read_table sources without_highest",
    "data.tuning": "Tuning tuning_of",
    "data.words": "ENDING_OF TUNED word",
    "document": "laws_document read_laws write_laws",
    "estimators.effective": "effective_data",
    "estimators.loss_form": "fit_form",
    "estimators.result": "Fit FormFit Interval Result predict_loss",
    "estimators.transfer": "METHODS fit fit_all leave_outs",
    "estimators.two_step": "individual_lines",
    "forms": "LOSS_FORMS BrokenPower Chinchilla Curved Hernandez Kaplan LossForm",
    "forms.loss_forms": "Multiplicative Rectified Tied TransferGap Unified UnifiedFloor",
    "forms.one_size": "PowerOfData RectifiedAtOneSize",
    "questions.compare": "BASELINE NOISE Comparison compare declare_hold_out",
    "questions.curvature": "Curvature curvature",
    "questions.designs": "design_of larger_designs planted_law scratch_of",
    "questions.equality": "Equality same_exponent",
    "questions.gain": "Gain gain",
    "questions.held_out": "held_out",
    "questions.local_alpha": "LocalAlpha local_alpha",
    "questions.information": "expected_sd next_cells",
    "questions.power": "Power power",
    "questions.regret": "regret",
    "questions.rises": "rises",
    "status": "CellStatus Status",
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}

if not TYPE_CHECKING:  # a type checker reads the imports above, and so knows a name that is none

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
