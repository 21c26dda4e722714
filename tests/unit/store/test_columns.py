"""The columnar blob: what goes in comes out, and what is damaged is refused, never a crash."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from recsys.store.columns import Columns, Malformed, Strings, pack, strings

DTYPES = ["u1", "<i4", "<i8", "<u4", "<u8", "<f4", "<f8", "?", ">f8", ">i4"]
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: stn.arrays(dtype=dtype, shape=stn.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
tables = st.dictionaries(texts, arrays, max_size=5)
metas = st.dictionaries(texts, st.integers(-(2**53), 2**53) | st.booleans() | st.none() | texts, max_size=4)

SMALL = pack(
    "small",
    {"rows": 3},
    {
        "flag": np.array([True, False, True]),
        "score": np.array([1.5, 2.5, 3.5]),
        **strings("items", ["a", "bé"]),
    },
)


@given(tables, metas)
def test_arrays_and_meta_come_back_as_they_went_in(table: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    columns = Columns(pack("kind", meta, table), where="test")
    assert columns.kind == "kind"
    assert columns.meta == meta
    assert columns.names() == sorted(table)
    for name, array in table.items():
        assert columns[name].shape == array.shape
        assert columns[name].dtype == array.dtype.newbyteorder("<")
        assert columns[name].tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()


@given(tables, metas)
def test_the_same_arrays_give_the_same_bytes_in_any_order(table: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    reversed_table = dict(reversed(list(table.items())))
    reversed_meta = dict(reversed(list(meta.items())))
    assert pack("kind", meta, table) == pack("kind", reversed_meta, reversed_table)


@given(st.lists(texts, max_size=20))
def test_strings_come_back_as_they_went_in(values: list[str]) -> None:
    column = Columns(pack("kind", {}, strings("items", values)), where="test").strings("items")
    assert column.to_list() == values
    assert len(column) == len(values)


@given(st.sets(texts, max_size=20), texts)
def test_find_gives_the_index_of_a_string_and_none_for_others(values: set[str], other: str) -> None:
    ordered = sorted(values, key=str.encode)
    column = Columns(pack("kind", {}, strings("items", ordered)), where="test").strings("items")
    assert [column.find(value) for value in ordered] == list(range(len(ordered)))
    assert column.find(other) == (ordered.index(other) if other in values else None)


def test_arrays_are_aligned_and_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(SMALL)
    columns = Columns.map(path)
    for name in columns.names():
        assert columns[name].flags.aligned
        assert not columns[name].flags.writeable


def test_a_view_outlives_the_columns_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(SMALL)
    score = Columns.map(path)["score"]
    path.unlink()
    assert score.tolist() == [1.5, 2.5, 3.5]


def test_a_strided_array_is_written_by_its_values() -> None:
    every_second = np.arange(10, dtype=np.int64)[::2]
    assert Columns(pack("kind", {}, {"x": every_second}), where="test")["x"].tolist() == [0, 2, 4, 6, 8]


def test_a_blob_cut_at_any_byte_is_malformed() -> None:
    for length in range(len(SMALL)):
        with pytest.raises(Malformed):
            pytest.fail(f"cut after {length} bytes it reads {Columns(SMALL[:length], where='test').names()}")


def test_an_empty_file_is_malformed(tmp_path: Path) -> None:
    (tmp_path / "blob").touch()
    with pytest.raises(Malformed, match="empty"):
        Columns.map(tmp_path / "blob")


def test_bytes_after_the_last_column_are_malformed() -> None:
    with pytest.raises(Malformed, match="header speaks of"):
        Columns(SMALL + bytes(64), where="test")


@given(st.integers(0, len(SMALL) * 8 - 1))
def test_a_flipped_bit_is_refused_or_read_without_a_crash(bit: int) -> None:
    damaged = bytearray(SMALL)
    damaged[bit // 8] ^= 1 << bit % 8
    try:
        columns = Columns(bytes(damaged), where="test")
        for name in columns.names():
            columns[name].tolist()
    except Malformed:
        pass


@given(st.binary(max_size=300))
def test_any_bytes_after_the_magic_are_refused_or_read_without_a_crash(noise: bytes) -> None:
    with pytest.raises(Malformed):
        Columns(noise, where="test")
    length = (len(noise) + 16 + 63) // 64 * 64 - 16
    with pytest.raises(Malformed):
        Columns(b"RSCOLS01" + length.to_bytes(8, "little") + noise.ljust(length), where="test")


def with_header(body_bytes: int = 128, **columns: object) -> bytes:
    header = json.dumps({"kind": "k", "meta": {}, "columns": columns}).encode()
    length = (len(header) + 16 + 63) // 64 * 64 - 16
    return b"RSCOLS01" + length.to_bytes(8, "little") + header.ljust(length) + bytes(body_bytes)


def column(dtype: str = "<f8", shape: tuple[int, ...] = (8,), offset: int = 0) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "offset": offset}


def test_the_header_made_for_these_tests_is_read_when_it_is_right() -> None:
    assert Columns(with_header(a=column(), b=column(offset=64)), where="test").names() == ["a", "b"]


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"a": column(), "b": column()}, id="two columns in one place"),
        pytest.param({"a": column(), "b": column(offset=8)}, id="columns that overlap"),
        pytest.param({"a": column(offset=64), "b": column()}, id="columns out of order"),
        pytest.param({"a": column(offset=-64), "b": column(offset=64)}, id="a negative offset"),
        pytest.param({"a": column(offset=1)}, id="an offset off the grid"),
        pytest.param({"a": column(shape=(-1, -8)), "b": column(offset=64)}, id="negative sizes"),
        pytest.param({"a": column(shape=(2**62, 4)), "b": column(offset=64)}, id="sizes that overflow to zero"),
        pytest.param({"a": column(shape=(2**70,))}, id="a size beyond 64 bits"),
        pytest.param({"a": column(shape=(0, 2**62, 2**62)), "b": column(shape=(16,))}, id="nothing, absurdly shaped"),
        pytest.param({"a": column(shape=(1,) * 80), "b": column(offset=64)}, id="eighty dimensions"),
        pytest.param({"a": column(dtype="O"), "b": column(offset=64)}, id="a dtype of objects"),
        pytest.param({"a": column(dtype="<f2", shape=(64,))}, id="a dtype that is not in the format"),
        pytest.param({"a": column(shape=(1000,))}, id="a column longer than the blob"),
        pytest.param({"a": column()}, id="room that no column takes"),
        pytest.param({"a": 7}, id="a column that is not one"),
        pytest.param({"a": column(shape=("8",)), "b": column(offset=64)}, id="a size that is text"),
    ],
)
def test_a_header_that_lies_is_malformed(columns: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        Columns(with_header(**columns), where="test")


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**40, 48 + 1, 0])
def test_a_header_of_an_absurd_length_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        Columns(SMALL[:8] + length.to_bytes(8, "little") + SMALL[16:], where="test")


def test_a_header_nested_without_end_is_malformed() -> None:
    deep = b'{"kind":"k","columns":{},"meta":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    length = (len(deep) + 16 + 63) // 64 * 64 - 16
    with pytest.raises(Malformed):
        Columns(b"RSCOLS01" + length.to_bytes(8, "little") + deep.ljust(length), where="test")


def test_a_dtype_without_a_fixed_width_is_not_packed() -> None:
    for unfit in (np.array(["a"]), np.array([object()]), np.array([1], dtype="i2"), np.array([1 + 2j])):
        with pytest.raises(ValueError, match="dtype"):
            pack("kind", {}, {"x": unfit})


def test_a_column_that_is_missing_or_of_another_type_is_named() -> None:
    columns = Columns(SMALL, where="test")
    with pytest.raises(Malformed, match="without a column nothing"):
        columns["nothing"]
    with pytest.raises(Malformed, match="column score of a small blob is float64"):
        columns.array("score", np.int64)
    with pytest.raises(Malformed, match="float64 of 2 dimensions"):
        columns.array("score", np.float64, ndim=2)
    assert columns.array("score", "<f8").tolist() == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("offsets", [[], [1, 2], [0, 3], [0, 1]])
def test_string_offsets_that_do_not_fit_their_bytes_are_malformed(offsets: list[int]) -> None:
    with pytest.raises(Malformed):
        Strings(np.array(offsets, dtype=np.int64), np.frombuffer(b"ab", dtype=np.uint8))


def test_a_string_column_of_the_wrong_types_is_malformed() -> None:
    blob = pack("k", {}, {"s.offsets": np.array([0.0, 2.0]), "s.bytes": np.frombuffer(b"ab", np.uint8)})
    with pytest.raises(Malformed, match=r"s\.offsets"):
        Columns(blob, where="test").strings("s")


def test_the_header_is_canonical_json_that_others_can_read() -> None:
    length = int.from_bytes(SMALL[8:16], "little")
    header = msgspec.json.decode(SMALL[16 : 16 + length])
    assert header["kind"] == "small"
    assert header["columns"]["score"] == {"dtype": "<f8", "offset": 192, "shape": [3]}
