"""The backends the contract suites of the store run on. A new one adds its factory here, and nothing else.

A factory takes an empty directory of the test's own and returns a fresh, empty backend. A backend that needs
a server starts it, or calls ``pytest.skip`` with the reason.
"""

from collections.abc import Callable
from pathlib import Path

from recsys.store import Log, Objects
from recsys.store.local import LocalObjects
from recsys.store.log import ObjectLog
from recsys.store.memory import MemoryObjects

__all__ = ["LOGS", "OBJECTS"]

OBJECTS: dict[str, Callable[[Path], Objects]] = {
    "memory": lambda _directory: MemoryObjects(),
    "local": LocalObjects,
}

LOGS: dict[str, Callable[[Path], Log]] = {
    "objects in memory": lambda _directory: ObjectLog(MemoryObjects(), "releases"),
    "objects in a directory": lambda directory: ObjectLog(LocalObjects(directory), "releases"),
}
