-- Every user or anonymous id as a number, by way of its pseudonym; each raw id is hashed once.
-- In: staged; values inner_block and outer_block, of the key.  Out: actor, hashed, name (the pseudonym), who BIGINT.
-- Holes: pseudonym (of d.actor), who (the number of n.name).
SELECT
    n.actor,
    n.hashed,
    n.name,
    ${who} AS who
FROM (
    SELECT d.actor, d.hashed, CASE WHEN d.hashed THEN d.actor ELSE ${pseudonym} END AS name
    FROM (
        SELECT DISTINCT actor, hashed
        FROM staged
        WHERE verdict = 0 AND actor IS NOT NULL
    ) AS d
) AS n
