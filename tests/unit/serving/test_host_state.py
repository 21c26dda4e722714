"""What is left of ``host.json`` when the power goes."""

import os

import pytest

from recsys.serving.host_state import HostState, Kept, TenantState, read_host_state, write_host_state


def served(generation, *, written_at=1.0):
    kept = Kept(generation=generation, path=f"snapshots/demo/{generation}", log="l", attempt="a")
    return HostState(run="r", boot="b", written_at=written_at, tenants={"demo": TenantState(kept=(kept,), log="l")})


@pytest.mark.parametrize("left", [b"", b"\0" * 100, None])
def test_what_was_written_durably_is_read_when_a_confirmation_was_lost_with_the_power(tmp_path, left):
    path = tmp_path / "host.json"
    write_host_state(path, served(1), durable=True)
    write_host_state(path, served(2), durable=True)
    write_host_state(path, served(2, written_at=2.0), durable=False)
    assert read_host_state(path).written_at == 2.0
    path.unlink() if left is None else path.write_bytes(left)
    assert read_host_state(path) == served(2)


def test_a_durable_write_forces_both_files_and_their_folder_and_a_confirmation_none(tmp_path, monkeypatch):
    forced = []
    fsync = os.fsync

    def watched(fd):
        forced.append(os.readlink(f"/proc/self/fd/{fd}"))  # noqa: PTH115
        fsync(fd)

    monkeypatch.setattr(os, "fsync", watched)
    path = tmp_path / "host.json"
    write_host_state(path, served(1), durable=True)
    assert forced.count(str(tmp_path)) == 2
    assert len(forced) == 4
    write_host_state(path, served(1), durable=False)
    assert len(forced) == 4


def test_nothing_is_known_when_neither_can_be_read(tmp_path):
    path = tmp_path / "host.json"
    assert read_host_state(path) is None
    write_host_state(path, served(1), durable=True)
    path.write_bytes(b"{")
    (tmp_path / "host.json.before").write_bytes(b"{")
    assert read_host_state(path) is None


def test_a_flipped_bit_that_still_reads_is_not_believed(tmp_path):
    path = tmp_path / "host.json"
    write_host_state(path, served(7), durable=True)
    path.write_bytes(path.read_bytes().replace(b'"generation":7', b'"generation":6'))
    assert read_host_state(path) == served(7)
    (tmp_path / "host.json.before").write_bytes(path.read_bytes())
    assert read_host_state(path) is None
