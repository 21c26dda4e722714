"""The engine hashes ids as the service does."""

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.access import Pseudonyms
from recsys.pipelines.canonical import pseudonym_of
from recsys.pipelines.engine import EngineFailed, open_engine
from recsys.signals import SmallTable

NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=200)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with open_engine(folder=tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@settings(max_examples=30, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=20, unique=True), secret=st.binary(min_size=1, max_size=100))
def test_a_pseudonym_is_the_same_wherever_it_is_made(engine, names, secret):
    pseudonyms = Pseudonyms(key_id="k", secret=secret)
    engine.table("ids", SmallTable((("id", "VARCHAR"),), tuple((name,) for name in names)))
    engine.make("named", f"SELECT id, {pseudonym_of('id')} AS name FROM ids", **pseudonyms.blocks())
    assert dict(engine.rows("SELECT id, name FROM named")) == {name: pseudonyms.of(name) for name in names}


def test_an_error_shows_nothing_of_the_key(engine):
    secret = secrets.token_bytes(32)
    blocks = Pseudonyms(key_id="k", secret=secret).blocks()
    with pytest.raises(EngineFailed) as error:
        engine.make("named", f"SELECT {pseudonym_of('nothing')} FROM nowhere", **blocks)
    said = str(error.value) + str(error.value.__cause__)
    assert not any(text in said for block in blocks.values() for text in (block.hex(), str(block), block.hex().upper()))
