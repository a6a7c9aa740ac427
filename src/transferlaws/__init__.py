"""Scaling laws for transfer, from raw text to law: how much data is a pre-trained model worth?

Start with `Study.open("smoke")`. Importing this package loads neither torch nor pandas.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transferlaws.design.question import Question
    from transferlaws.design.scale import Scale
    from transferlaws.errors import TransferLawsError
    from transferlaws.study import Study

__all__ = ["Question", "Scale", "Study", "TransferLawsError", "__version__"]
__version__ = version("transferlaws")

_HOMES = {
    "Question": "transferlaws.design.question",
    "Scale": "transferlaws.design.scale",
    "Study": "transferlaws.study",
    "TransferLawsError": "transferlaws.errors",
}


def __getattr__(name: str) -> Any:
    """Import the public names on first use (PEP 562), so that `import transferlaws` stays light."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
