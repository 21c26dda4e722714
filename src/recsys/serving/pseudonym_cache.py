"""Who a request is for, under pseudonyms."""

from collections.abc import Callable

from recsys.access import Pseudonyms
from recsys.ranking.request import User

__all__ = ["PseudonymCache", "pseudonymous_user"]


class PseudonymCache:
    """Pseudonyms made lately: a look-up is a tenth of an HMAC. Forgets everything when it is full."""

    __slots__ = ("_known", "_most", "key_id", "pseudonyms")

    def __init__(self, pseudonyms: Pseudonyms, *, most: int = 50_000) -> None:
        self.pseudonyms = pseudonyms
        self.key_id = pseudonyms.key_id
        self._most = most
        self._known: dict[str, str] = {}

    def of(self, raw_id: str) -> str:
        """Return the pseudonym of a raw id."""
        known = self._known.get(raw_id)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            known = self._known[raw_id] = self.pseudonyms.of(raw_id)
        return known


def pseudonymous_user(user: User, of: Callable[[str], str]) -> User:
    """Return the user under pseudonyms: the ranking, like everything after it, sees no raw id."""
    if user.user_id is None and user.anonymous_id is None and user.session_id is None:
        return user
    return User(
        user_id=None if user.user_id is None else of(user.user_id),
        anonymous_id=None if user.anonymous_id is None else of(user.anonymous_id),
        session_id=None if user.session_id is None else of(user.session_id),
        history=user.history,
    )
