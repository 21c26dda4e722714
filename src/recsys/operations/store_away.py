"""Telling that the store is away from a question that means nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from recsys.errors import NotFound, RecsysError
from recsys.store import Denied, Missing, Unavailable

__all__ = ["StoreAway", "noticed"]


class StoreAway(Exception):
    """The store cannot be read now, for the reason it says: what is to be known without it has to do."""

    def __init__(self, error: RecsysError) -> None:
        super().__init__(error.message)
        self.error = error

    @property
    def problem(self) -> str:
        """Say why, in one line."""
        return self.error.message


@contextmanager
def noticed(*, opening: bool = False) -> Iterator[None]:
    """Raise :class:`StoreAway` for whatever says that the store is not there; while ``opening``, that there is none."""
    try:
        yield
    except (Unavailable, Denied) as error:
        raise StoreAway(error) from error
    except NotFound as error:
        if not opening or isinstance(error, Missing):
            raise
        raise StoreAway(error) from error
    except OSError as error:
        if not opening:
            raise
        raise StoreAway(Unavailable(str(error.filename or "?"), error.strerror or str(error))) from error
