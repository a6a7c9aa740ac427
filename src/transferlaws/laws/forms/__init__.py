"""Laws as values: the law of transfer, and the forms of loss it is compared with."""

from transferlaws.laws.forms.hernandez import Hernandez
from transferlaws.laws.forms.loss_forms import (
    LOSS_FORMS,
    BrokenPower,
    Chinchilla,
    Kaplan,
    LossForm,
    Multiplicative,
    Rectified,
    TransferGap,
    Unified,
)

__all__ = [
    "LOSS_FORMS", "BrokenPower", "Chinchilla", "Hernandez", "Kaplan", "LossForm", "Multiplicative",
    "Rectified", "TransferGap", "Unified",
]  # fmt: skip
