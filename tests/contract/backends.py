"""The backends the contract suites of the store run on. A new one adds its factory here, and nothing else.

A factory takes an empty directory of the test's own and returns a fresh, empty backend. A backend that needs
a server starts it, or calls ``pytest.skip`` with the reason.
"""

from collections.abc import Callable
from pathlib import Path

from tests.contract.servers import new_bucket, new_database, s3_options

from recsys.store import Log, Objects
from recsys.store.bucket import BucketObjects
from recsys.store.local import LocalObjects
from recsys.store.log import ObjectLog
from recsys.store.memory import MemoryObjects
from recsys.store.postgres import Database, PostgresLog

__all__ = ["LOGS", "OBJECTS"]


def _bucket(_directory: Path) -> Objects:
    return BucketObjects(new_bucket(), prefix="shop/recsys", options=s3_options())


OBJECTS: dict[str, Callable[[Path], Objects]] = {
    "memory": lambda _directory: MemoryObjects(),
    "local": LocalObjects,
    "bucket": _bucket,
}

LOGS: dict[str, Callable[[Path], Log]] = {
    "objects in memory": lambda _directory: ObjectLog(MemoryObjects(), "releases"),
    "objects in a directory": lambda directory: ObjectLog(LocalObjects(directory), "releases"),
    "objects in a bucket": lambda directory: ObjectLog(_bucket(directory), "releases"),
    "postgresql": lambda _directory: PostgresLog(Database(new_database(), store_id="s1"), "releases"),
}
