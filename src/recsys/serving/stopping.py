"""How a process without an event loop waits until it is told to stop.

Not ``threading.Event``: its lock cannot be taken twice, and a handler runs in the thread that it interrupts. A
signal that comes while ``wait`` holds that lock makes ``set`` wait for it for ever.
"""

import os
import select
import signal
from types import FrameType

__all__ = ["Stopping"]


class Stopping:
    """Told by signals that it is time to stop.

    Parameters
    ----------
    signals
        Their handlers are ours from now on. One that was held back until now is heard.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self._ended = False
        self._told, self._tell = os.pipe()  # both are closed on exec: no child keeps them
        os.set_blocking(self._tell, False)
        for number in signals:
            signal.signal(number, self._end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    def wait(self, seconds: float) -> bool:
        """Wait this long, or until told; return whether it was."""
        if not self._ended:
            select.select([self._told], [], [], seconds)
        return self._ended

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        if not self._ended:
            self._ended = True
            os.write(self._tell, b"\0")  # no signal falls between the look at the flag and the wait
