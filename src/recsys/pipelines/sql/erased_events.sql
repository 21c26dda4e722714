-- The events of erased users: under one of their ids, or after a list that one of them was shown.
-- In: staged, erased_ids, erased_lists.  Out: row, the rowid in staged.
SELECT i.row
FROM (
    SELECT rowid AS row, unnest(ids) AS id, hashed
    FROM staged
    WHERE verdict = 0
) AS i
INNER JOIN erased_ids AS e ON e.id = i.id AND e.hashed = i.hashed
UNION
SELECT s.rowid AS row
FROM staged AS s
INNER JOIN erased_lists AS l ON l.request = s.request
WHERE s.verdict = 0
