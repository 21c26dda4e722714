"""Puts a report together: what every mode says of the logs, and what one mode found."""

import platform
from typing import Any

import recsys
from recsys.evaluation.joining.together import Together
from recsys.evaluation.parts import Check, Data, Decision
from recsys.evaluation.report import Report

__all__ = ["report_on"]


def report_on(
    together: Together, *, data: Data, integrity: tuple[Check, ...], decision: Decision, **found: Any
) -> Report:
    """Return the report of the config's mode; ``found`` is the field of the mode, and what else only it has."""
    return Report(
        mode=together.config.mode,
        decision=decision,
        data=data,
        joins=together.joins,
        days=together.days,
        drops=together.drops,
        integrity=integrity,
        config=together.config,
        versions=_versions(),
        **found,
    )


def _versions() -> dict[str, str]:
    """Name the versions of what figures depend on."""
    import duckdb
    import numpy as np
    import scipy

    return {
        "recsys": recsys.__version__,
        "duckdb": duckdb.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "scipy": scipy.__version__,
    }
