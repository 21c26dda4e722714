-- Purpose: the catalogue of a synthetic shop.
-- In: nothing.
-- Out: one row an item, as the catalogue's schema has it; in the order of item_id.
-- Holes: items, topics, salt (of the seed).
WITH drawn AS (
    SELECT n, n % ${topics} AS topic, hash(${salt} + 8 * n + 5) AS a
    FROM range(${items}) AS r (n)
)

SELECT
    printf('item-%07d', n) AS item_id,
    -- words of a language: the rarer, the more there are of them
    'word' || CAST(floor(pow(4000, (a % 65536) / 65536.0)) AS BIGINT)
    || ' word' || CAST(floor(pow(4000, ((a >> 16) % 65536) / 65536.0)) AS BIGINT)
    || ' topic' || topic AS title,
    'category-' || topic AS category,
    'brand-' || (topic * 7 + (a >> 32) % 10) AS brand,
    ['tag-' || topic, 'tag-' || topic || '-' || ((a >> 36) % 20)] AS tags,
    CAST(500 + (a >> 44) % 20000 AS DOUBLE) / 100 AS price,
    true AS available
FROM drawn
ORDER BY n
