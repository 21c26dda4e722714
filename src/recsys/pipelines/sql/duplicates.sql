-- The rows to drop so that each event id stands once; which row stays depends on its content alone.
-- In: staged.  Out: row INTEGER, the rowid in staged.
WITH twice AS (
    SELECT event_id
    FROM staged
    WHERE verdict = 0 AND event_id IS NOT NULL
    GROUP BY event_id
    HAVING count(*) > 1
)

SELECT r.row
FROM (
    SELECT
        s.rowid AS row,
        row_number() OVER (
            PARTITION BY s.event_id
            ORDER BY s.ts, s.item_id, s.event_type, s.actor, s.session_id, s.request_id, s.surface
        ) AS place
    FROM staged AS s
    INNER JOIN twice AS t ON t.event_id = s.event_id
    WHERE s.verdict = 0
) AS r
WHERE r.place > 1
