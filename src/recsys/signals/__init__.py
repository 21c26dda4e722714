"""Signals: one file each, with definition (SQL where it can be), parameters, artifact format and checks.

Adding one is adding its module and its line in :data:`SIGNALS`.
"""

from collections.abc import Mapping

from msgspec import Struct

from recsys.signals import profiles
from recsys.signals.artifact import Heading
from recsys.signals.content_sim import CONTENT_SIM
from recsys.signals.cooc import COOC, Cooc
from recsys.signals.implicit import IMPLICIT
from recsys.signals.neighbours import Neighbours
from recsys.signals.popularity import POPULARITY, Popularity
from recsys.signals.session_seq import SESSION_SEQ
from recsys.signals.signal import Rows, Signal, SmallTable
from recsys.store.soundness import Unfit

__all__ = [
    "COSINES",
    "NEIGHBOURS",
    "PARAMETERS",
    "SIGNALS",
    "Cooc",
    "Heading",
    "Neighbours",
    "Popularity",
    "Rows",
    "Signal",
    "SmallTable",
    "Unfit",
]

SIGNALS: Mapping[str, Signal] = {
    signal.name: signal for signal in (POPULARITY, COOC, IMPLICIT, CONTENT_SIM, SESSION_SEQ)
}
"""Every signal by name. Parts of a score are added up in this order: another order is another last digit."""

NEIGHBOURS = tuple(name for name, signal in SIGNALS.items() if signal.near is not None)
"""Signals that know an item's neighbours."""

COSINES = tuple(name for name in NEIGHBOURS if SIGNALS[name].near != "scaled")
"""Those whose weights are in 0..1 as they are, as cosines are: no scale divides them."""

PARAMETERS: Mapping[str, type[Struct]] = {name: signal.Params for name, signal in SIGNALS.items()} | {
    profiles.KIND: profiles.Params
}
"""What a config may set under ``signals``: the parameters of every signal, and of the profiles."""
