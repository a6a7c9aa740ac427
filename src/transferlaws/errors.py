"""The one error a user can cause.

Anything a person can put right (a missing file, a bad column, an unknown scale) raises
`TransferLawsError`; the command line prints its message as one line and exits 1.
"""


class TransferLawsError(Exception):
    """What was wrong, where, and what to do about it, in a sentence or two."""


class UsageError(TransferLawsError):
    """Asked for in a way that cannot be meant; the command line exits 2."""
