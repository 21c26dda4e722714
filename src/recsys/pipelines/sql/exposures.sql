-- Canonical exposures of the window: what users (not bots, not staff) were shown, each list once.
-- In: staged_exposures.  Out: dt DATE, ts, request, surface, segment, items.  Holes: inside.
SELECT DISTINCT
    CAST(ts AS DATE) AS dt,
    ts,
    request,
    surface,
    segment,
    items
FROM staged_exposures
WHERE verdict = 0 AND by_user AND ${inside}
ORDER BY dt, ts, request, surface, segment, items
