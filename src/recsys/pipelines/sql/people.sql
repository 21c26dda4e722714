-- Every user or anonymous id as a number, by way of its pseudonym; each raw id is hashed once.
-- In: staged; values inner_block and outer_block, of the key.  Out: actor, hashed, name (the pseudonym), who BIGINT.
-- Holes: pseudonym (of d.actor).
-- md5, not hash(): equal in every version of the engine, and cheap because it runs once per id.
SELECT
    n.actor,
    n.hashed,
    n.name,
    CAST(md5_number_lower(n.name) & 9223372036854775807::UBIGINT AS BIGINT) AS who
FROM (
    SELECT d.actor, d.hashed, CASE WHEN d.hashed THEN d.actor ELSE ${pseudonym} END AS name
    FROM (
        SELECT DISTINCT actor, hashed
        FROM staged
        WHERE verdict = 0 AND actor IS NOT NULL
    ) AS d
) AS n
