from pathlib import Path

from tests.unit.events.test_spool import NOON, line

from recsys.events import Outcome, Spool, event_files, read_events, ship
from recsys.store.memory import MemoryObjects
from recsys.store.port import Creation, Denied, Unavailable


class Away(MemoryObjects):
    """A store that can be away, and can lie."""

    away = False
    forgets = False

    def create(self, key: str, data: bytes) -> Creation:
        if self.away:
            raise Unavailable("memory", "it is away")
        return super().create(key, b"other" if self.forgets else data)


def filled(root: Path, *numbers: int) -> None:
    spool = Spool(root, host="h1", worker="w0", wall=lambda: NOON)
    spool.append("demo", "outcomes", b"".join(line(number) for number in numbers))
    spool.close()


def test_a_finished_file_is_in_the_store_and_kept_here_for_a_while(tmp_path):
    filled(tmp_path, 1, 2)
    objects = MemoryObjects()
    done = ship(tmp_path, objects, keep_s=60, now=NOON)
    assert (done.files, done.waiting, done.problem) == (1, 0, "")
    (key,) = objects.keys("events/")
    assert key.startswith("events/demo/outcomes/dt=2026-11-22/h1-w0-")
    assert objects.read(key) == line(1) + line(2)
    assert ship(tmp_path, objects, keep_s=60, now=NOON + 59).removed == 0
    assert ship(tmp_path, objects, keep_s=60, now=NOON + 60).removed == 1
    assert event_files(tmp_path) == []


def test_a_store_that_is_away_loses_nothing(tmp_path):
    filled(tmp_path, 1)
    objects = Away()
    objects.away = True
    done = ship(tmp_path, objects, keep_s=0, now=NOON)
    assert (done.files, done.waiting) == (0, 1)
    assert "away" in done.problem
    objects.away = False
    assert ship(tmp_path, objects, keep_s=60, now=NOON).files == 1


def test_a_store_that_gives_back_other_bytes_is_not_believed(tmp_path):
    filled(tmp_path, 1)
    objects = Away()
    objects.forgets = True
    done = ship(tmp_path, objects, keep_s=0, now=NOON)
    assert done.waiting == 1
    assert "other bytes" in done.problem


def test_a_shipment_killed_after_the_copy_is_finished_by_the_next(tmp_path):
    filled(tmp_path, 1)
    objects = MemoryObjects()
    (file,) = event_files(tmp_path)
    objects.create(f"events/{file.place}", file.path.read_bytes())
    assert ship(tmp_path, objects, keep_s=60, now=NOON).files == 1
    assert len(list(objects.keys("events/"))) == 1


def test_a_name_that_is_taken_by_other_events_is_left_to_them(tmp_path):
    filled(tmp_path, 1)
    objects = MemoryObjects()
    (file,) = event_files(tmp_path)
    objects.create(f"events/{file.place}", line(7))
    assert ship(tmp_path, objects, keep_s=60, now=NOON).files == 1
    assert sorted(objects.read(key) for key in objects.keys("events/")) == [line(1), line(7)]


def test_what_was_shipped_is_still_read_once_here(tmp_path):
    filled(tmp_path, 1)
    ship(tmp_path, MemoryObjects(), keep_s=60, now=NOON)
    assert [event.item_id for event in read_events(event_files(tmp_path), Outcome)] == ["1"]


class Watched(MemoryObjects):
    """A store that says what is confirmed, and fails for some keys."""

    def __init__(self) -> None:
        super().__init__()
        self.confirmed: list[str] = []
        self.refused = ""

    def create(self, key: str, data: bytes) -> Creation:
        if self.refused and key.startswith(self.refused):
            raise Denied("memory", key)
        return super().create(key, data)

    def confirm(self, key: str) -> None:
        self.confirmed.append(key)
        super().confirm(key)


def test_what_another_left_in_the_store_is_confirmed_before_ours_is_let_go(tmp_path):
    filled(tmp_path, 1)
    objects = Watched()
    (file,) = event_files(tmp_path)
    key = f"events/{file.place}"
    objects.create(key, file.path.read_bytes())
    ship(tmp_path, objects, keep_s=60, now=NOON)
    assert objects.confirmed == [key]


def test_one_bad_file_holds_up_no_other(tmp_path):
    spool = Spool(tmp_path, host="h1", worker="w0", wall=lambda: NOON)
    for tenant in ("a", "b", "c"):
        spool.append(tenant, "outcomes", line(1))
    spool.close()
    objects = Watched()
    objects.refused = "events/a/"
    done = ship(tmp_path, objects, keep_s=60, now=NOON)
    assert (done.files, done.waiting) == (2, 1)
    assert "events/a/" in done.problem
