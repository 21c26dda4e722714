-- The ids of erased users as they stand in staged rows; each raw id is hashed once.
-- In: the table ${staged}, erased; values inner_block and outer_block, of the key.  Out: id, hashed.
-- Holes: staged, pseudonym (of d.id).
SELECT d.id, d.hashed
FROM (
    SELECT DISTINCT i.id, i.hashed
    FROM (
        SELECT unnest(ids) AS id, hashed
        FROM ${staged}
        WHERE verdict = 0
    ) AS i
    WHERE i.id IS NOT NULL
) AS d
INNER JOIN erased AS e ON e.name = CASE WHEN d.hashed THEN d.id ELSE ${pseudonym} END
