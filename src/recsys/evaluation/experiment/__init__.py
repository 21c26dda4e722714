"""Experiments: which arm did better, how sure that is, and what to do about it."""
