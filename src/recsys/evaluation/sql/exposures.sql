-- One row per request: its unit, its slices, and whether a user asked. Of rows with one request id the earliest stands.
-- In: exposures_read, duplicates.  Out: view exposures(request_id, ts_us, day, unit, by_user, items, slice_<n>…).
-- Holes: columns (SQL of unit, by_user and the slices), unique (which rows of exposures_read stand).
CREATE TEMP VIEW exposures AS
SELECT request_id, ts_us, ts_us // 86400000000 AS day, items, ${columns}
FROM (${unique})
