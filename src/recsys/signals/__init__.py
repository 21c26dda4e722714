"""Signals: one file each, with definition (SQL), parameters, artifact format and checks.

Adding one is adding its module and its line in :data:`SIGNALS`.
"""

from collections.abc import Mapping

from recsys.signals.artifact import Heading
from recsys.signals.cooc import COOC, Cooc
from recsys.signals.popularity import POPULARITY, Popularity
from recsys.signals.signal import Rows, Signal, SmallTable
from recsys.store.soundness import Unfit

__all__ = ["SIGNALS", "Cooc", "Heading", "Popularity", "Rows", "Signal", "SmallTable", "Unfit"]

SIGNALS: Mapping[str, Signal] = {signal.name: signal for signal in (POPULARITY, COOC)}
"""Every signal by name."""
