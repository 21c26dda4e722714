-- Outcomes as they are kept. Event ids are told apart by a 64-bit hash: of three million two share one with odds of 1 in
-- four million.
-- In: outcomes_read.  Out: table outcomes(request, item_id, event_type, ts_us, day, value, surface, event, content, bad).
-- request, event: hashes of the ids.  Holes: ids (the request id, with leading comma, where it is kept), event, value,
-- surface (a column, or a typed NULL where the input has none).
CREATE TABLE outcomes AS
SELECT hash(request_id) AS request ${ids}, item_id, TRY_CAST(event_type AS event) AS event_type, ts_us,
       ts_us // 86400000000 AS day, ${value} AS value, ${surface} AS surface, ${event} AS event, content, bad
FROM outcomes_read
