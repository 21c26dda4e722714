-- One row per request.
-- In: joined.  Out: view exposures.
CREATE TEMP VIEW exposures AS
SELECT * EXCLUDE (content, bad, outcome, shown_rank, first), ts_us // 86400000000 AS day
FROM joined WHERE first
