import pytest
from tests.unit.events.test_spool import line

from recsys.events import BadLine, EventFile, Interaction, Outcome, pseudonymous, read_events


def test_a_bad_line_is_named_by_file_number_and_reason(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    path.write_bytes(line(1) + line(2).replace(b'"item_id"', b'"itemid"') + line(3))
    with pytest.raises(BadLine) as caught:
        list(read_events([path], Outcome))
    assert caught.value.line == 2
    assert f"{path}:2" in str(caught.value)
    assert "did you mean `item_id`?" in str(caught.value)


def test_an_event_sent_twice_is_read_once(tmp_path):
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    first.write_bytes(line(1) + line(2))
    second.write_bytes(line(2) + line(3))
    assert [event.item_id for event in read_events([first, second], Outcome)] == ["1", "2", "3"]
    assert len(list(read_events([first, second], Outcome, once=False))) == 4


def test_the_same_event_id_of_two_tenants_is_two_events(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(line(1))
    files = [EventFile(path, tenant, "outcomes", "2026-11-22") for tenant in ("a", "b")]
    assert len(list(read_events(files, Outcome))) == 2


def test_an_event_without_an_id_is_never_taken_for_another(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"ts":"2026-11-22T12:00:00Z","item_id":"i","event_type":"view"}\n' * 2)
    assert len(list(read_events([path], Interaction))) == 2


def test_a_line_still_being_written_is_not_there_yet(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(line(1) + line(2)[:-9])
    growing = EventFile(path, "demo", "outcomes", "2026-11-22", growing=True)
    assert [event.item_id for event in read_events([growing], Outcome)] == ["1"]
    with pytest.raises(BadLine):
        list(read_events([path], Outcome))


def test_ids_of_people_become_pseudonyms_once():
    event = Interaction(ts="t", item_id="i", event_type="view", user_id="ann", anonymous_id="a", session_id="s")
    hashed = pseudonymous(event, of=lambda raw: f"<{raw}>", key_id="k1")
    assert (hashed.user_id, hashed.anonymous_id, hashed.session_id) == ("<ann>", "<a>", "<s>")
    assert hashed.key_id == "k1"
    assert pseudonymous(hashed, of=lambda raw: f"<{raw}>", key_id="k1") == hashed
