"""What can be wrong with where events come from.

Each error names the connection and where its credentials are from, and no secret.
"""

from recsys.errors import Failed, Refused

__all__ = ["PositionGone", "SourceAway", "SourceDenied"]


class SourceAway(Failed):
    """The source did not answer, or gave up half-way. Nothing was published, and asking again is safe."""

    code = "SOURCE_AWAY"

    def __init__(self, source: str, why: str, *, credentials: str, next_step: str = "") -> None:
        super().__init__(
            f"{source} is not available: {why} (credentials: {credentials})",
            next_step=next_step or "check the address and the network; running again is safe",
        )


class SourceDenied(Refused):
    """The source answered that we may not read."""

    code = "SOURCE_DENIED"

    def __init__(self, source: str, why: str, *, credentials: str, next_step: str = "") -> None:
        super().__init__(
            f"{source} denies access: {why} (credentials: {credentials})",
            next_step=next_step or "check these credentials, and that they may read this",
        )


class PositionGone(Failed):
    """The source no longer has what comes after the position: an increment would leave a hole."""

    code = "POSITION_GONE"
