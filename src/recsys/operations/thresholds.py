"""Where healthy ends: the one table that ``status`` and ``doctor`` read and the documents show."""

import msgspec

__all__ = ["MOST_HOURS", "THRESHOLDS", "Thresholds"]

MOST_HOURS = 24 * 31
"""Of logs read for one answer."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Each value's name says its unit; a rate is a share of answers (0..1)."""

    min_answers: int = 50
    """Fewer answers of one generation on one surface say nothing about rates."""
    empty_rate_degraded: float = 0.02
    """Constraints leave nothing now and then; above this something else does."""
    empty_rate_failing: float = 0.20
    """One answer in five without an item is an incident."""
    fallback_rate_degraded: float = 0.05
    """Answers from a lower rung than ``live``. A restart or a swap explains a few."""
    p99_degraded_ms: float = 50.0
    """The service's own time for an answer, recording included."""
    ranking_share: float = 0.2
    """Ranking explains slow answers when, done again here, it takes at least this share of what the answers took."""
    ranking_gain: float = 0.4
    """A lever is named for slow answers when putting it back makes ranking at least this share faster."""
    heartbeat_missing_s: float = 30.0
    """A host that has not written for this long is not counted as serving."""
    outcomes_matched_degraded: float = 0.95
    """Below it no decision may rest on these logs; offline evaluation holds at the same share by default."""
    min_experiment_answers: int = 400
    """Fewer answers within the window say nothing about an experiment's arms."""
    freshness_failing_factor: float = 2.0
    """Data older than this many times its objective is failing; past the objective it is degraded."""
    ctr_drop_relative: float = 0.15
    """A fall smaller than this is not called a regression however sure it is."""
    ctr_drop_p_value: float = 0.001
    """Two-sided; a check every few minutes would otherwise cry wolf."""
    coverage_drop_relative: float = 0.5
    """Lists that show half as many different items, on as many answers, surprise people although they click."""
    run_silent_s: float = 6 * 3600.0
    """A pipeline run that began this long ago and has not ended is taken for killed."""
    all_silent_s: float = 300.0
    """When no host was heard for this long, nobody serves: a deployment that restarts them takes less."""
    refused_recent_s: float = 900.0
    """What was refused before that is over."""
    refused_least: int = 10
    """Fewer refusals because of one limit are a caller's trial."""
    refused_share_degraded: float = 0.001
    """Of all requests, refused because of one limit: one page in a thousand without its answer is noticed."""
    cured_share: float = 0.9
    """A lever is named when putting it back alone answers at least this share of the sampled requests."""


THRESHOLDS = Thresholds()
