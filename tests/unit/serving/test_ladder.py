import uuid

import pytest

from recsys.serving.ladder import rung_of
from recsys.serving.request_ids import RequestIds


@pytest.mark.parametrize(
    ("readable", "newest", "confirmed_at", "expected"),
    [
        (True, True, 95.0, "live"),
        (True, True, 90.0, "live"),
        (True, True, 89.9, "last_good"),
        (True, False, 99.0, "last_good"),
        (True, True, None, "disk"),
        (True, False, None, "disk"),
        (False, True, 99.0, "floor"),
        (False, False, None, "floor"),
    ],
)
def test_every_rung_of_the_ladder(readable, newest, confirmed_at, expected):
    found = rung_of(readable=readable, newest=newest, confirmed_at=confirmed_at, now=100.0, confirm_s=10.0)
    assert found == expected


def test_request_ids_are_uuids_of_version_7_in_order_and_never_twice():
    ids = RequestIds()
    made = [ids.next() for _ in range(5000)]
    assert len(set(made)) == 5000
    parsed = [uuid.UUID(one) for one in made]
    assert {(one.version, one.variant) for one in parsed} == {(7, uuid.RFC_4122)}
    moments = [one.int >> 80 for one in parsed]
    assert moments == sorted(moments)
