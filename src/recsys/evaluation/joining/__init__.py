"""What was shown and what was done, brought together; and whether it can decide anything."""
