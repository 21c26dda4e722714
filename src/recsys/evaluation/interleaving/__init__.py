"""Interleaving: of two lists shown as one, whose items did people take?"""
