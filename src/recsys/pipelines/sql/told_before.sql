-- The rows whose event id stands on a kept day already.
-- In: staged, earlier_events, kept_events.  Out: row INTEGER, the rowid in staged.  Holes: inside.
SELECT s.rowid AS row
FROM staged AS s
WHERE
    s.verdict = 0
    AND ${inside}
    AND s.event IN (
        SELECT event FROM earlier_events WHERE event IS NOT NULL
        UNION ALL
        SELECT event FROM kept_events WHERE event IS NOT NULL
    )
