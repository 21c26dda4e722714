"""What is measured of requests: the metrics, and their means with intervals."""
