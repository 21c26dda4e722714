"""A/A: does the test find nothing where there is nothing?"""
