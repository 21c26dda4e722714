"""The words of the health model: four layers a surface, each in one of four states with its reasons."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

__all__ = ["STATES", "Health", "Layer", "State", "SurfaceHealth", "TenantHealth", "judge"]

State = Literal["healthy", "degraded", "failing", "unknown"]
STATES: tuple[State, ...] = ("healthy", "unknown", "degraded", "failing")
"""From best to worst."""


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One layer of one surface. ``values`` are what was measured; ``reasons`` say why it is not healthy."""

    state: State
    reasons: tuple[str, ...] = ()
    values: Mapping[str, Any] = {}


class SurfaceHealth(msgspec.Struct, frozen=True, kw_only=True):
    serving: Layer
    pipelines: Layer
    evaluation: Layer
    releases: Layer


class TenantHealth(msgspec.Struct, frozen=True, kw_only=True):
    surfaces: Mapping[str, SurfaceHealth]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The health model as ``status --json`` prints it."""

    tenants: Mapping[str, TenantHealth]

    def worst(self) -> State:
        """Return the worst state anywhere; ``unknown`` when there is nothing to judge."""
        states = [
            layer.state
            for tenant in self.tenants.values()
            for surface in tenant.surfaces.values()
            for layer in (surface.serving, surface.pipelines, surface.evaluation, surface.releases)
        ]
        return max(states, key=STATES.index, default="unknown")


def judge(values: Mapping[str, Any], *findings: tuple[bool, State, str]) -> Layer:
    """Make a layer from conditions: each that holds adds its reason, and the worst of them is the state."""
    held = [(state, reason) for holds, state, reason in findings if holds]
    state: State = max((state for state, _ in held), key=STATES.index, default="healthy")
    return Layer(state=state, reasons=tuple(reason for _, reason in held), values=values)
