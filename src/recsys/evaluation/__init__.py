"""From logs to decisions: reads what was shown and what was done, checks it, measures it, and says what to
do.

Light to import; DuckDB and scipy come in with the first call.
"""

from recsys.evaluation.explaining.explain import Explanation, explain
from recsys.evaluation.face import evaluate, validate
from recsys.evaluation.reading.validation import Validation
from recsys.evaluation.report import Report, read_report

__all__ = ["Explanation", "Report", "Validation", "evaluate", "explain", "read_report", "validate"]
