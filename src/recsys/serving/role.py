"""How a process of the service learns what it is: its supervisor tells it in one environment variable."""

import os
import signal
import sys

import msgspec

from recsys.serving.service_log import set_up_log
from recsys.serving.settings import Settings

__all__ = ["Role", "begin", "environment_of"]

_VARIABLE = "_RECSYS_ROLE"


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """One process: its name (``worker-0``, ``follower``, ``admin``), and what they all share.

    ``run`` names this start of the service; ``parent`` is the supervisor's process id; ``socket`` the number
    of the listening descriptor, where the process has one.
    """

    name: str
    run: str
    parent: int
    settings: Settings
    socket: int = -1


def environment_of(role: Role) -> dict[str, str]:
    """Return the environment to start the process with."""
    return {**os.environ, _VARIABLE: msgspec.json.encode(role).decode()}


def begin() -> Role:
    """Read what this process is, set up its log, and leave Ctrl-C to the supervisor."""
    told = os.environ.get(_VARIABLE)
    if told is None:
        sys.exit("this process is started by: recsys serve")
    role = msgspec.json.decode(told, type=Role)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_up_log(role.settings, process=role.name)
    return role
