-- The lists that were shown to erased users, of any day: what followed them was done by one of them.
-- In: staged_exposures, erased_rows.  Out: request.
SELECT DISTINCT x.request
FROM staged_exposures AS x
INNER JOIN erased_rows AS r ON r.row = x.rowid
WHERE x.request IS NOT NULL
