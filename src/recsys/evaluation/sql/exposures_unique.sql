-- The rows of exposures_read with each request id once. A fragment for exposures.sql when there are duplicates.
SELECT * FROM exposures_read WHERE request_id NOT IN (SELECT request_id FROM duplicates)
UNION ALL
SELECT * FROM exposures_read WHERE request_id IN (SELECT request_id FROM duplicates)
QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY ts_us, content) = 1
