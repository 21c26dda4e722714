-- Where each list was shown; one row per request, that of the first day it stands on.
-- In: canonical_exposures.  Out: request, dt DATE, surface, segment.
SELECT s.request, s.dt, min(s.surface) AS surface, min(s.segment) AS segment
FROM (
    SELECT
        x.request,
        CAST(x.ts AS DATE) AS dt,
        x.surface,
        x.segment,
        min(CAST(x.ts AS DATE)) OVER (PARTITION BY x.request) AS first
    FROM canonical_exposures AS x
    WHERE x.request IS NOT NULL
) AS s
WHERE s.dt = s.first
GROUP BY s.request, s.dt
