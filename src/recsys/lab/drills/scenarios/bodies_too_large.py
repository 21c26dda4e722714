"""A caller sends its whole catalogue with each request, and is refused for the size of it; others are answered."""

import httpx2

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Finding, Scenario, live, require

_TRIES = 200
_BYTES = (1 << 20) + 1


def _too_large(sandbox: Sandbox) -> None:
    body = b'{"surface":"home","k":' + b" " * _BYTES + b"5}"
    headers = {"X-API-Key": sandbox.key, "Content-Type": "application/json"}
    with httpx2.Client(base_url=sandbox.service.base_url, headers=headers, timeout=5.0) as caller:
        codes = {caller.post("/v1/recommend", content=body).status_code for _ in range(_TRIES)}
    require(codes == {413}, f"bodies that are too large were answered {sorted(codes)}")


def _caller_mended(_sandbox: Sandbox, _finding: Finding) -> None:
    """The caller sends what it needs from now on."""


scenario = Scenario(
    title="A caller beyond a limit",
    acts=(
        Act(
            happens=_too_large,
            expected=Expected(symptom="limit-exceeded", cause="TOO_LARGE"),
            pull=_caller_mended,
            cured=live,
            lasts=True,
        ),
    ),
)
