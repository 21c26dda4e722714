"""Who is signed in, by a cookie that only this host can read."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from recsys.console.session import LASTS_S, Credential, Seal, Session
from recsys.serving.problems import Refusal

BEGAN = 1_800_000_000.0
KEY = Credential(kind="key", secret="rsk_secret")


def session() -> Session:
    return Session.new(now_s=BEGAN).with_credential("demo", KEY)


def seal(folder: Path, *, now: float = BEGAN) -> Seal:
    return Seal(folder / "console.key", wall=lambda: now)


def test_a_cookie_opens_again_after_the_process_was_restarted(tmp_path: Path) -> None:
    cookie = seal(tmp_path).seal(session())
    opened = seal(tmp_path).open(cookie)
    assert opened is not None
    assert opened.tenants == ("demo",)
    assert opened.headers("demo")("x-api-key") == "rsk_secret"


def test_a_cookie_shows_nothing_of_the_key(tmp_path: Path) -> None:
    cookie = seal(tmp_path).seal(session())
    assert "rsk_" not in cookie
    assert "rsk_secret" not in repr(session())


def test_a_session_ends_after_its_time_however_often_it_is_used(tmp_path: Path) -> None:
    cookie = seal(tmp_path).seal(session())
    assert seal(tmp_path, now=BEGAN + LASTS_S - 1).open(cookie) is not None
    assert seal(tmp_path, now=BEGAN + LASTS_S + 1).open(cookie) is None


def test_signing_in_for_a_second_tenant_makes_no_session_longer(tmp_path: Path) -> None:
    longer = session().with_credential("other", KEY)
    cookie = seal(tmp_path, now=BEGAN + LASTS_S - 10).seal(longer)
    assert seal(tmp_path, now=BEGAN + LASTS_S + 1).open(cookie) is None


OF_ANOTHER_KEY = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()


@pytest.mark.parametrize(
    "cookie",
    ["", "nonsense", "ä", "gAAAAA==", OF_ANOTHER_KEY],
    ids=["empty", "nonsense", "not ASCII", "short", "of another key"],
)
def test_what_is_not_ours_is_nobody(tmp_path: Path, cookie: str) -> None:
    assert seal(tmp_path).open(cookie) is None


def test_a_cookie_of_another_host_is_nobody(tmp_path: Path) -> None:
    cookie = seal(tmp_path / "a").seal(session())
    assert seal(tmp_path / "b").open(cookie) is None


def test_the_key_of_the_host_is_for_its_owner_alone(tmp_path: Path) -> None:
    seal(tmp_path).seal(session())
    assert (tmp_path / "console.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["console.key"]


def test_a_key_cut_short_by_a_crash_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "console.key").write_bytes(b"short")
    cookie = seal(tmp_path).seal(session())
    assert seal(tmp_path).open(cookie) is not None


def test_a_form_is_of_one_session_alone(tmp_path: Path) -> None:
    ours, other = session(), session()
    token = seal(tmp_path).form_token(ours)
    assert seal(tmp_path).is_form_token(ours, token)
    assert not seal(tmp_path).is_form_token(other, token)
    assert not seal(tmp_path).is_form_token(ours, "")


def test_more_than_a_cookie_holds_is_said(tmp_path: Path) -> None:
    many = session()
    for number in range(12):
        many = many.with_credential(f"t{number}", Credential(kind="token", secret="x" * 400))
    with pytest.raises(Refusal, match="more tenants"):
        seal(tmp_path).seal(many)


def test_a_credential_is_shown_as_the_api_takes_it() -> None:
    token = Session.new(now_s=BEGAN).with_credential("demo", Credential(kind="token", secret="a.b.c"))
    assert token.headers("demo")("authorization") == "Bearer a.b.c"
    assert token.headers("other")("authorization") is None
    assert session().headers("demo")("x-api-key") == "rsk_secret"
    assert session().headers("demo")("x-org-id") is None
