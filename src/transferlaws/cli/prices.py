"""The options by which verbs are told what data and computing cost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from transferlaws.errors import UsageError

if TYPE_CHECKING:
    from transferlaws.planner import Prices


@dataclass(frozen=True)
class PriceOptions:
    """In any one currency."""

    per_char: float = 0.0
    """Price of a character of target data (of a token, for a law that counts tokens)."""
    per_flop: float = 0.0
    """Price of a FLOP of training."""
    per_core_hour: float = 0.0
    """Price of an hour of a core instead, with --flops-per-second."""
    flops_per_second: float | None = None
    """Training FLOP/s of one core, as `transferlaws plan` measures them."""
    per_pretrain_token: float = 0.0
    """Price of a token of the data to pre-train on."""
    uses: int = 1
    """Fine-tunings that share the bill of pre-training."""

    @property
    def named(self) -> bool:
        """True if anything has a price."""
        return any((self.per_char, self.per_flop, self.per_core_hour, self.per_pretrain_token))

    def checked(self) -> "Prices":
        """The prices; raises UsageError for a core-hour's without its speed."""
        from transferlaws.planner import Prices

        per_flop = self.per_flop
        if self.per_core_hour:
            if per_flop or self.flops_per_second is None or self.flops_per_second <= 0:
                raise UsageError(
                    "--per-core-hour takes --flops-per-second (a positive number), and no --per-flop"
                )
            per_flop = self.per_core_hour / (3600 * self.flops_per_second)
        return Prices(self.per_char, per_flop, self.per_pretrain_token, self.uses)


NO_PRICES = PriceOptions()
