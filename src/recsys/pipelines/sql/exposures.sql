-- Canonical exposures of the days that are read: what users (not bots, not staff) were shown, each list once.
-- In: staged_exposures, kept_exposures.  Out: dt DATE, ts, request, surface, segment, items.  Holes: inside.
SELECT DISTINCT
    CAST(x.ts AS DATE) AS dt,
    x.ts,
    x.request,
    x.surface,
    x.segment,
    x.items
FROM (
    SELECT s.ts, s.request, s.surface, s.segment, s.items
    FROM staged_exposures AS s
    WHERE s.verdict = 0 AND s.by_user AND ${inside}
    UNION ALL
    SELECT k.ts, k.request, k.surface, k.segment, k.items
    FROM kept_exposures AS k
) AS x
