"""What people write and can reverse: a tenant's config and its rules."""

from recsys.documents.config import ALIASES, Config, SurfaceConfig, canonical_config, read_config
from recsys.documents.experiments import INTERLEAVED, Experiment, Variant
from recsys.documents.groups import Diversity, ExcludeSeen, Exploration, Flags, Limits, Personalization
from recsys.documents.rules import Rule, Rules, canonical_rules, check_rules, read_rules, with_rule_enabled

__all__ = [
    "ALIASES",
    "INTERLEAVED",
    "Config",
    "Diversity",
    "ExcludeSeen",
    "Experiment",
    "Exploration",
    "Flags",
    "Limits",
    "Personalization",
    "Rule",
    "Rules",
    "SurfaceConfig",
    "Variant",
    "canonical_config",
    "canonical_rules",
    "check_rules",
    "read_config",
    "read_rules",
    "with_rule_enabled",
]
