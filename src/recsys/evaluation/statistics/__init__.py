"""The statistics of decisions: pure functions over whole-number moments and arrays, each with its source.

Nothing here reads a log, knows a metric's name or decides.
"""
