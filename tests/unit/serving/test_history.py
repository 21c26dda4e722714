"""Where a history comes from."""

from recsys.ranking.request import HistoryEvent, User
from recsys.serving.history import NO_HISTORY, resolve


def events(*items, event_type="click"):
    return tuple(HistoryEvent(item_id=item, event_type=event_type) for item in items)


def resolved(user, *, tail=None, profiles=None):
    found = resolve(
        user, recent=lambda name: (tail or {}).get(name, ()), profile=lambda name: (profiles or {}).get(name, ())
    )
    return [event.item_id for event in found.events], list(found.sources)


EVERYBODY = User(user_id="u", anonymous_id="a", session_id="s")


def test_the_requests_own_history_stands_alone_and_as_it_came():
    user = User(user_id="u", history=events("mine"))
    assert resolve(user, recent=lambda _: events("x"), profile=lambda _: events("y")).events is user.history
    assert resolved(user, tail={"u": events("x")}, profiles={"u": events("y")}) == (["mine"], ["request"])


def test_then_what_was_done_lately_and_behind_it_what_the_profile_knows_besides():
    tail, profiles = {"u": events("new", "both")}, {"u": events("both", "old")}
    assert resolved(EVERYBODY, tail=tail) == (["new", "both"], ["tail"])
    assert resolved(EVERYBODY, profiles=profiles) == (["both", "old"], ["profile"])
    assert resolved(EVERYBODY, tail=tail, profiles=profiles) == (["new", "both", "old"], ["tail", "profile"])


def test_an_item_of_the_profile_stays_where_something_else_was_done_with_it():
    tail, profiles = {"u": events("i")}, {"u": events("i", event_type="purchase")}
    assert resolved(EVERYBODY, tail=tail, profiles=profiles) == (["i", "i"], ["tail", "profile"])


def test_a_profile_that_knows_nothing_more_is_not_named():
    assert resolved(EVERYBODY, tail={"u": events("i")}, profiles={"u": events("i")}) == (["i"], ["tail"])


def test_the_user_goes_before_the_browser_and_that_before_the_visit():
    every = {"u": events("user's"), "a": events("browser's"), "s": events("visit's")}
    for name, item in (("u", "user's"), ("a", "browser's"), ("s", "visit's")):
        assert resolved(EVERYBODY, tail=every)[0] == [item]
        assert resolved(EVERYBODY, profiles=every)[0] == [item]
        del every[name]
    assert resolved(EVERYBODY, tail=every) == ([], [])


def test_after_a_login_the_browsers_last_steps_go_with_the_users_profile():
    assert resolved(EVERYBODY, tail={"a": events("new")}, profiles={"u": events("old")}) == (
        ["new", "old"],
        ["tail", "profile"],
    )


def test_there_are_never_more_than_a_hundred():
    many = tuple(HistoryEvent(item_id=f"i{n}") for n in range(90))
    more = tuple(HistoryEvent(item_id=f"j{n}") for n in range(90))
    found, _ = resolved(EVERYBODY, tail={"u": many}, profiles={"u": more})
    assert found == [f"i{n}" for n in range(90)] + [f"j{n}" for n in range(10)]


def test_nobody_has_none():
    assert resolve(User(), recent=lambda _: events("x"), profile=lambda _: events("y")) is NO_HISTORY
