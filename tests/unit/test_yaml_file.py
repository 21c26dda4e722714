import datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from recsys.encoding import Invalid
from recsys.yaml_file import MAX_SIZE_BYTES, read_yaml


@pytest.fixture
def path(tmp_path):
    return tmp_path / "settings.yaml"


WORDS = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=10,
)


@given(values=st.dictionaries(WORDS, PLAIN, max_size=4))
def test_plain_values_come_back_as_they_were(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "round.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    assert read_yaml(path, what="settings") == values


def test_a_key_that_would_be_yes_or_no_as_a_value_is_a_word(tmp_path):
    path = tmp_path / "words.yaml"
    path.write_text("on: 2026-11-22\nno: yes")
    assert read_yaml(path, what="answers") == {"on": datetime.date(2026, 11, 22), "no": True}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2", "settings {path}, line 2: `a` is given twice. keep one of them"),
        ("a: {b: 1,\n  b: 2}", "settings {path}, line 2: `b` is given twice. keep one of them"),
        ("a: 1\n2: b", "settings {path}, line 2: keys are words, not `2`. put it in quotes if it is one"),
        ("? [a]\n: b", "settings {path}, line 1: keys are words, not `['a']`. put it in quotes if it is one"),
        ("a: [", "settings {path}, line 1: expected the node content, but found '<stream end>'"),
        ("a: *b", "settings {path}, line 1: found undefined alias 'b'"),
        ("a: 1\n---\nb: 2", "settings {path}, line 2: but found another document"),
        ("- a", "settings {path}: must be a mapping of keys to values"),
        ("just words", "settings {path}: must be a mapping of keys to values"),
        ("", "settings {path}: must be a mapping of keys to values"),
        ("a: &a {b: *a}", "settings {path}, line 1: found unconstructable recursive node"),
        ("a: 2026-13-41", "settings {path}: month must be in 1..12"),
        ("a: " + "[" * 50_000, "settings {path}: nested too deeply"),
    ],
)
def test_what_is_no_mapping_of_plain_values_is_refused_with_its_line(path, text, says):
    path.write_text(text)
    with pytest.raises(Invalid) as refused:
        read_yaml(path, what="settings")
    assert str(refused.value) == says.format(path=path)


@pytest.mark.parametrize("tag", ["!!python/object:os.system {}", "!!python/name:os.system", "!mine x"])
def test_a_value_that_is_not_plain_is_refused(path, tag):
    path.write_text(f"a:\n  b: {tag}")
    with pytest.raises(Invalid, match="line 2: could not determine a constructor"):
        read_yaml(path, what="settings")


def test_text_that_is_not_utf_8_is_refused_with_its_place(path):
    path.write_bytes(b"a: \xff")
    with pytest.raises(Invalid, match="not UTF-8 at byte 3"):
        read_yaml(path, what="settings")


def test_a_control_character_is_refused(path):
    path.write_bytes(b"a: \x00")
    with pytest.raises(Invalid, match="special characters are not allowed"):
        read_yaml(path, what="settings")


def test_a_file_past_a_mebibyte_is_refused_unread_and_one_of_a_mebibyte_is_not(path):
    path.write_text("a: " + "b" * (MAX_SIZE_BYTES - 3))
    assert len(read_yaml(path, what="settings")["a"]) == MAX_SIZE_BYTES - 3
    path.write_text("a: " + "b" * (MAX_SIZE_BYTES - 2))
    with pytest.raises(Invalid, match=r"larger than 1 MiB.*is this the settings file"):
        read_yaml(path, what="settings")


@pytest.mark.parametrize(("name", "says"), [("nowhere.yaml", "No such file"), (".", "Is a directory")])
def test_what_cannot_be_read_is_named(tmp_path, name, says):
    with pytest.raises(Invalid, match=rf"settings .*: {says}.*check the path"):
        read_yaml(tmp_path / name, what="settings")
