-- The lists of the days that are read which bots or the shop's own staff were shown.
-- In: staged_exposures, kept_others.  Out: dt DATE, ts, request.  Holes: inside.
SELECT CAST(min(o.ts) AS DATE) AS dt, min(o.ts) AS ts, o.request
FROM (
    SELECT s.ts, s.request
    FROM staged_exposures AS s
    WHERE s.verdict = 0 AND NOT s.by_user AND s.request IS NOT NULL AND ${inside}
    UNION ALL
    SELECT k.ts, k.request
    FROM kept_others AS k
) AS o
GROUP BY o.request
