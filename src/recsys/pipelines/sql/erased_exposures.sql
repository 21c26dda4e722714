-- The exposures that were shown to erased users.
-- In: staged_exposures, erased_ids.  Out: row, the rowid in staged_exposures.
SELECT DISTINCT i.row
FROM (
    SELECT rowid AS row, unnest(ids) AS id, hashed
    FROM staged_exposures
    WHERE verdict = 0
) AS i
INNER JOIN erased_ids AS e ON e.id = i.id AND e.hashed = i.hashed
