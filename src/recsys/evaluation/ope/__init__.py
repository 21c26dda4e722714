"""Off-policy evaluation: what another ranking would have earned, from logs that carry propensities."""
