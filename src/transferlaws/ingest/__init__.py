"""Other people's runs to the table that `fit` takes: any file, what it was understood to say, runs.

Readers make tables of files (`readers`), understanding makes columns of ours of theirs (`understanding`), cells
makes runs of rows (`cells`); `ingestion` puts the three together.
"""

from transferlaws.ingest.ingestion import Looked, look
from transferlaws.ingest.output import Written

__all__ = ["Looked", "Written", "look"]
