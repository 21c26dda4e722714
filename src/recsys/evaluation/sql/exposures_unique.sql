-- Leaves each request id once among the exposures: of rows with one request id the earliest stands.
-- In: duplicates.  In and out: joined.
DELETE FROM joined WHERE rowid IN (
    SELECT rowid FROM joined
    WHERE request IN (SELECT hash(request_id) FROM duplicates)
    QUALIFY row_number() OVER (PARTITION BY request, outcome ORDER BY ts_us, content) > 1
)
