"""From logs to decisions: reads what was shown and what was done, checks it, measures it, and says what to
do.

Light to import; DuckDB and scipy come in with the first call.
"""

from recsys.evaluation.face import evaluate, validate
from recsys.evaluation.report import Report, read_report
from recsys.evaluation.validation import Validation

__all__ = ["Report", "Validation", "evaluate", "read_report", "validate"]
