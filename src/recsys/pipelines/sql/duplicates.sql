-- The rows to drop so that each event id stands once; which row stays depends on its content alone.
-- In: staged.  Out: row INTEGER, the rowid in staged.
WITH twice AS (
    SELECT event
    FROM staged
    WHERE verdict = 0 AND event IS NOT NULL
    GROUP BY event
    HAVING count(*) > 1
)

SELECT r.row
FROM (
    SELECT
        s.rowid AS row,
        row_number() OVER (
            PARTITION BY s.event
            ORDER BY s.ts, s.item_id, s.event_type, s.actor, s.session, s.request, s.surface
        ) AS place
    FROM staged AS s
    INNER JOIN twice AS t ON t.event = s.event
    WHERE s.verdict = 0
) AS r
WHERE r.place > 1
