"""Why a release is not served by this host."""

from recsys.errors import Failed

__all__ = ["SnapshotRejected"]


class SnapshotRejected(Failed):
    """A release is not fit to be served here: damaged, empty, absurd, another tenant's, or in a newer format.

    ``reason`` is one line that names what and why. The release that was served before stays.
    """

    code = "SNAPSHOT_REJECTED"

    def __init__(self, *, tenant: str, generation: int, reason: str) -> None:
        super().__init__(
            f"generation {generation} of {tenant} is not served: {reason}",
            next_step="the release before it keeps serving; find the damage with: recsys releases verify",
        )
        self.tenant = tenant
        self.generation = generation
        self.reason = reason
