"""What may be said of a fit, and of one cell's effective data: each status carries its own sentence."""

from enum import StrEnum


class _Said(StrEnum):
    """A string that prints, compares and serialises as its name, and knows what it means."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "_Said":
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    @property
    def words(self) -> str:
        """The name with spaces, for a table or the middle of a sentence."""
        return self.value.replace("_", " ")


class Status(_Said):
    """How far a law may be believed; `sentence` says what a reader may do with it."""

    CONVERGED = "converged", "Every parameter has a closed interval."
    AT_BOUND = (
        "at_bound",
        "The best law lies at the edge of what was searched: read it as a bound, not as a value.",
    )
    ILL_CONDITIONED = (
        "ill_conditioned",
        "The parameters trade against each other so freely that only their combination over the measured "
        "range means anything.",
    )
    NOT_IDENTIFIED = (
        "not_identified",
        "These runs do not pin the law down. The curve through them is drawn, and may be used between them; "
        "its exponents may not be quoted as measured.",
    )
    PUBLISHED = (
        "published without intervals",
        "Published without intervals and without the grid of its runs, so neither is known here.",
    )


class Search(_Said):
    """Whether the search for the best law came to an end."""

    FINISHED = "finished", "The search ended in a minimum."
    AT_BOUND = "at_bound", "The search ended at the edge of what it may look at."
    UNFINISHED = "unfinished", "The search stopped before it had settled."


class Identification(_Said):
    """Whether the runs pin each parameter down."""

    IDENTIFIED = "identified", "Every parameter has a closed interval."
    ILL_CONDITIONED = "ill_conditioned", "The parameters trade against each other."
    NOT_IDENTIFIED = "not_identified", "The runs leave a parameter open."


class Adequate(_Said):
    """Whether the law follows the runs it was fitted to, within the noise between seeds."""

    ADEQUATE = "adequate", "The runs do not speak against the form of the law{size}."
    MISFIT = (
        "misfit",
        "The law does not follow its runs{size}: its exponents sum up this range and are no measurement.",
    )
    PATTERN = (
        "pattern",
        "The law misses its runs in rows along N or D, as a wrong form does{size}: its exponents sum up this "
        "range and are no measurement.",
    )
    UNTESTED = "untested", "Too little was measured or repeated to tell misfit from noise."


class CellStatus(_Said):
    """How the effective data of a fine-tuned cell could be read; `sentence` completes "this cell is ..."."""

    INTERPOLATED = "interpolated", "read off the measured part of the curve"
    EXTRAPOLATED = "extrapolated", "read off beyond the runs"
    BELOW_FLOOR = ("below_floor", "below the floor of the from-scratch curve: no amount of data gets there")
    NO_TRANSFER = "no_transfer", "worse than from scratch"
    AT_LIMIT = "at_limit", "trained to a limit, which leaves a lower end of effective data alone"
