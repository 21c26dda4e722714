"""A publisher to race and to kill: appends to one stream of a store until told to stop.

``python publisher.py STORE NAME COUNT`` prints ``ready``, waits for a line on standard input, then prints the
number of each of its commits as soon as it is acknowledged. Each commit is a blob, and a record that names it and
the record before. COUNT 0 means until killed.
"""

import itertools
import os
import sys

import msgspec

from recsys.encoding import digest
from recsys.store import CommitState, Store, open_store

STREAM = "demo"


class Record(msgspec.Struct):
    writer: str
    attempt: int
    blob: str
    previous: str | None


def publish(store: Store, writer: str, attempt: int) -> int:
    """Commit one record, rebasing over every other writer's; return its number."""
    blob = store.blobs.put(STREAM, f"{writer} {attempt} ".encode() * 50)
    number = store.releases.head(STREAM)
    while True:
        previous = digest(store.releases.read(STREAM, number)) if number else None
        record = msgspec.json.encode(Record(writer, attempt, blob, previous))
        commit = store.releases.append(STREAM, number + 1, record)
        if commit.state is CommitState.COMMITTED:
            return commit.number
        if commit.state is not CommitState.LOST:
            raise SystemExit(f"{writer}: record {commit.number} is {commit.state}")
        number = commit.number


def main() -> None:
    store = open_store(sys.argv[1])
    writer, count = sys.argv[2], int(sys.argv[3])
    os.write(1, b"ready\n")
    sys.stdin.readline()
    for attempt in range(count) if count else itertools.count():
        os.write(1, b"%d\n" % publish(store, writer, attempt))


if __name__ == "__main__":
    main()
