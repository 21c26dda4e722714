"""Reading logs for a page, on a host that answers people meanwhile.

One such reading goes on at a time, whoever asks for whatever; few wait, and none for long. What was read is kept for
some seconds, for whoever asks for the same. How much memory and how many cores a reading takes is bounded where it is
done: :class:`recsys.events.observed.Observed`. Health is read beside these, by ``readings``: nobody's weeks of logs are
to keep it from whoever is on call.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from recsys.console.last_read import LastRead
from recsys.operations.turn import Line
from recsys.serving.admin import Request

__all__ = ["read_once"]

T = TypeVar("T")

_turn = threading.Lock()


def read_once(request: Request, key: Hashable, read: Callable[[], T]) -> T:
    """Return what was read of this key a moment ago, or read it in turn; ``key`` names the tenant.

    Raises what ``read`` does, and as :meth:`~recsys.operations.turn.Line.turn`.
    """
    state = request.app.state
    with _turn:
        if "logs" not in state:
            state.logs = LastRead[Any](line=Line())
    logs: LastRead[T] = state.logs
    return logs.of(key, read).value
