"""One small file per symptom: from a report, and the data where it is given, to what speaks for it and against it."""
