-- Outcomes, each event id once (the earliest row stands); rows without an event id all stand.
-- In: outcomes_read.  Out: table outcomes(request_id, item_id, event_type, ts_us, day, value, surface).
-- Holes: event_id, value, surface (a column, or a typed NULL where the input has none).
CREATE TEMP TABLE outcomes AS
WITH read AS (
    SELECT request_id, item_id, event_type, ts_us, ts_us // 86400000000 AS day,
           ${value} AS value, ${surface} AS surface, ${event_id} AS event_id, content
    FROM outcomes_read
),
repeated AS (
    SELECT event_id FROM read WHERE event_id IS NOT NULL GROUP BY event_id HAVING count(*) > 1
)
SELECT * EXCLUDE (event_id, content) FROM read
WHERE event_id IS NULL OR event_id NOT IN (SELECT event_id FROM repeated)
UNION ALL
SELECT * EXCLUDE (event_id, content) FROM (
    SELECT * FROM read WHERE event_id IN (SELECT event_id FROM repeated)
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY ts_us, content) = 1
)
