"""Offline evaluation: how good lists were, judged on what users did."""
