"""What a lost race means, as a table: mine × theirs.

A publisher that lost the number it wanted meets every release that came in between. For each, the cell of
its own action (row) and of that release's action (column) says what must hold for it to go on. Then it
plans again against the newest, and planning refuses what a hold there covers, and an undo of what was changed
again: no word here stands for that. Adding an action is adding its row and its column; a test holds every cell.
"""

import enum
from collections.abc import Mapping

from recsys.releases.record import Action

__all__ = ["REBASE", "Cell", "Needs", "cell"]


class Needs(enum.Enum):
    """What must hold for an intent to go on past a release."""

    APART = "apart"
    """It left alone what the intent writes; or it left there just what the intent wanted, and nothing is to
    do.
    """
    GATE = "gate"
    """The gate passes again, when it changed what the gate read: config or rules."""
    NEVER = "never"
    """Cannot be met in one log: meeting it means that the log is another one."""


Cell = frozenset[Needs]

_GO: Cell = frozenset()
_APART: Cell = frozenset({Needs.APART})
_GATE: Cell = frozenset({Needs.GATE})
_NEVER: Cell = frozenset({Needs.NEVER})

_ANYTHING: Mapping[Action, Cell] = {
    "create": _NEVER,
    "ship": _GO,
    "config": _GO,
    "rules": _GO,
    "items": _GO,
    "rollback": _GO,
    "undo": _GO,
    "hold": _GO,
    "resume": _GO,
    "candidate": _GO,
    "promote": _GO,
    "abort": _GO,
    "withdraw": _GO,
    "erase": _GO,
    "gc": _GO,
    "restore": _NEVER,
}
"""The row of what rebases over anything: brakes must work while others push, a target is fixed beforehand, and
what an undo may still take back is seen from the newest release alone.
"""

_COMPARED: Mapping[Action, Cell] = {
    **_ANYTHING,
    **dict.fromkeys(("ship", "config", "rules", "rollback", "undo", "candidate", "promote", "abort"), _APART),
}
"""The row of what begins or ends a comparison: it writes its candidate, and the parts the candidate replaces."""

REBASE: Mapping[Action, Mapping[Action, Cell]] = {
    "create": dict.fromkeys(_ANYTHING, _GO),
    # A ship meets a ship of another surface without harm. What its gate judged it with, it judges again.
    "ship": {
        "create": _NEVER,
        "ship": _APART,
        "config": _GATE,
        "rules": _GATE,
        "items": _GO,
        "rollback": _APART | _GATE,
        "undo": _APART | _GATE,
        "hold": _GO,
        "resume": _GO,
        "candidate": _GO,
        "promote": _APART | _GATE,
        "abort": _GO,
        "withdraw": _GO,
        "erase": _GO,
        "gc": _GO,
        "restore": _NEVER,
    },
    # A document replaces the one its author had read, so another one in between is a conflict of two people.
    "config": {
        "create": _NEVER,
        "ship": _GO,
        "config": _APART,
        "rules": _GO,
        "items": _GO,
        "rollback": _APART,
        "undo": _APART,
        "hold": _GO,
        "resume": _GO,
        "candidate": _GO,
        "promote": _APART,
        "abort": _GO,
        "withdraw": _GO,
        "erase": _GO,
        "gc": _GO,
        "restore": _NEVER,
    },
    "rules": {
        "create": _NEVER,
        "ship": _GO,
        "config": _GO,
        "rules": _APART,
        "items": _GO,
        "rollback": _APART,
        "undo": _APART,
        "hold": _GO,
        "resume": _GO,
        "candidate": _GO,
        "promote": _APART,
        "abort": _GO,
        "withdraw": _GO,
        "erase": _GO,
        "gc": _GO,
        "restore": _NEVER,
    },
    # Rows are put on whatever rows are there; only who clears them replaces what they had seen.
    "items": {**_ANYTHING, **dict.fromkeys(("items", "rollback", "undo"), _APART)},
    # A candidate is judged against what the surface serves. Beginning and promoting one is undone by whoever changed
    # that, or the documents it was made from, meanwhile.
    "candidate": _COMPARED,
    "promote": _COMPARED,
    "rollback": _ANYTHING,
    "undo": _ANYTHING,
    "hold": _ANYTHING,
    "resume": _ANYTHING,
    "abort": _ANYTHING,
    "withdraw": _ANYTHING,
    "erase": _ANYTHING,
    "gc": _ANYTHING,
    # Who restores says itself whom it met: its plan goes on only where it stood, or in its own restoration.
    "restore": dict.fromkeys(_ANYTHING, _GO),
}


def cell(mine: Action, theirs: Action) -> Cell:
    """Return the cell of the table. A release made by an action of a newer version is met with every
    caution.
    """
    return REBASE[mine].get(theirs, _APART | _GATE)
