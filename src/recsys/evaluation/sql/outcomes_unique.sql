-- Takes rows that repeat an event id out of the outcomes: the earliest row stands; rows without an event id all stand.
-- In and out: outcomes.
DELETE FROM outcomes WHERE rowid IN (
    SELECT rowid FROM outcomes
    WHERE event IN (SELECT event FROM outcomes WHERE event IS NOT NULL GROUP BY event HAVING count(*) > 1)
    QUALIFY row_number() OVER (PARTITION BY event ORDER BY ts_us, content) > 1
)
