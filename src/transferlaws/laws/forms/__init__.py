"""Laws as values: the law of transfer, straight and curved, and the forms of loss it is compared with."""

from transferlaws.laws.forms.curved import Curved
from transferlaws.laws.forms.hernandez import Hernandez
from transferlaws.laws.forms.loss_forms import (
    BrokenPower,
    Chinchilla,
    Kaplan,
    LossForm,
    Multiplicative,
    Rectified,
    Tied,
    TransferGap,
    Unified,
    UnifiedFloor,
)
from transferlaws.laws.forms.one_size import AT_ONE_SIZE, PowerOfData, RectifiedAtOneSize

LOSS_FORMS: dict[str, type[LossForm]] = {
    "additive": Chinchilla,
    "tied": Tied,
    "multiplicative": Multiplicative,
    "rectified": Rectified,
    "transfer_gap": TransferGap,
    "eq_6_1": Unified,
    "eq_6_1_floor": UnifiedFloor,
    "broken_power": BrokenPower,
    "kaplan": Kaplan,
    "data": PowerOfData,
    "rectified_data": RectifiedAtOneSize,
}
"""The forms of loss by the name `compare` and the command line use."""

LOSS_LAWS = {form.__name__.lower(): form for form in LOSS_FORMS.values()}
"""The same by the name that a row of laws.json has in `law`."""

__all__ = [
    "AT_ONE_SIZE", "LOSS_FORMS", "LOSS_LAWS", "BrokenPower", "Chinchilla", "Curved", "Hernandez", "Kaplan",
    "LossForm", "Multiplicative", "PowerOfData", "Rectified", "RectifiedAtOneSize", "Tied", "TransferGap",
    "Unified", "UnifiedFloor",
]  # fmt: skip
