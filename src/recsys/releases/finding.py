"""What a verification finds wrong."""

import msgspec

__all__ = ["Finding", "spanned"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong. ``generation`` is the oldest release it concerns, 0 where it concerns no one."""

    generation: int
    what: str
    problem: str

    def __str__(self) -> str:
        where = f"generation {self.generation}, " if self.generation else ""
        return f"{where}{self.what}: {self.problem}"


def spanned(first: int, last: int) -> str:
    """Say which generations a span holds, with its verb: ``generation 4 is``, ``generations 4 to 6 are``."""
    return f"generation {first} is" if first >= last else f"generations {first} to {last} are"
