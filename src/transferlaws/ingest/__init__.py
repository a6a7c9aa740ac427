"""Other people's runs to the table that `fit` takes: any file, what it was understood to say, runs.

Files become tables (`readers`), their columns ours (`understanding`), their rows runs (`cells`); `ingestion`
puts the three together.
"""

from transferlaws.ingest.ingestion import Looked, look
from transferlaws.ingest.output import Written

__all__ = ["Looked", "Written", "look"]
