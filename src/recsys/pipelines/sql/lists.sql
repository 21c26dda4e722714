-- Where each list was shown; one row per request.
-- In: canonical_exposures.  Out: request, surface, segment.
SELECT request, min(surface) AS surface, min(segment) AS segment
FROM canonical_exposures
WHERE request IS NOT NULL
GROUP BY request
