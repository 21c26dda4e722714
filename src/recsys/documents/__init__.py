"""What people write and can reverse: a tenant's config and its rules."""

from recsys.documents.config import (
    ALIASES,
    Config,
    Diversity,
    Flags,
    Limits,
    Personalization,
    SurfaceConfig,
    canonical_config,
    read_config,
)
from recsys.documents.rules import Rule, Rules, canonical_rules, check_rules, read_rules, with_rule_enabled

__all__ = [
    "ALIASES",
    "Config",
    "Diversity",
    "Flags",
    "Limits",
    "Personalization",
    "Rule",
    "Rules",
    "SurfaceConfig",
    "canonical_config",
    "canonical_rules",
    "check_rules",
    "read_config",
    "read_rules",
    "with_rule_enabled",
]
