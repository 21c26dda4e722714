"""The console: pages that show how a tenant fares, and hold the levers. They stand on the operators' port, at /console.

``process`` is the program of that port and puts everything together. ``session`` says who is signed in, ``visit`` what
every page shares, ``page`` how one is made; each of the others is one page with its routes. The pages decide nothing
themselves: what they show and do, the command line shows and does too.
"""

from recsys.console.pages import PAGES

__all__ = ["PAGES"]
