"""Preconditions: what the caller saw in force when they made up their mind."""

import msgspec

from recsys.encoding import Invalid
from recsys.releases.errors import StaleHead, UnknownGeneration, told
from recsys.releases.plan import Facts
from recsys.releases.record import Release, parts_of

__all__ = ["Expect"]


class Expect(msgspec.Struct, frozen=True):
    """A part as it was in force at a generation.

    The generation decides: a part that was changed away and back since is stale, though its digest is the
    same. The digest guards against a number from another log.
    """

    generation: int
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Expect":
        """Read ``GENERATION`` or ``GENERATION:sha256:…``; raises :class:`~recsys.encoding.Invalid`."""
        number, colon, digest = text.strip().strip('"').partition(":")
        if not (number.isascii() and number.isdigit()) or (colon and not digest):
            raise Invalid("expected version", f"`{text}` is neither GENERATION nor GENERATION:sha256:…")
        return cls(int(number), digest or None)

    def check(self, head: Release, part: str, facts: Facts) -> None:
        """Raise :class:`StaleHead` unless the part stands as it stood then."""
        if self.generation > head.generation:
            raise UnknownGeneration(head.tenant, self.generation, head.generation)
        last = head.changed.get(part, 0)
        found = parts_of(head).get(part)
        if last > self.generation or (self.digest is not None and self.digest != found):
            by = told(facts.record(max(last, 1)))
            raise StaleHead(part, expected=self.generation, found=last, by=by)
