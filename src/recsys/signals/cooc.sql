-- Co-occurrence: for each item its nearest neighbours by what the same users took in the same basket.
--
-- Reads
--   events       item INTEGER, who BIGINT, basket BIGINT (a session, or a user's day), event_type VARCHAR
--   settings     one row: max_basket, min_support, shrinkage (in 1/1000), neighbours, all_types (0 or 1); BIGINT
--   taken_types  event_type VARCHAR; used when all_types is 0
-- Returns one row per item and neighbour
--   item INTEGER, neighbour INTEGER, weight DOUBLE, support BIGINT
-- Counts are integers; a weight is computed once per pair from them, so it does not depend on order either.

-- Most users have an item in one basket only, whatever they did with it there: then the basket stands in its row.
-- step: had
SELECT e.who, e.item, min(e.basket) AS basket, max(e.basket) AS another
FROM events AS e
CROSS JOIN settings AS s
WHERE s.all_types = 1 OR e.event_type IN (SELECT t.event_type FROM taken_types AS t)
GROUP BY e.who, e.item

-- step: taken
SELECT h.who, h.basket, h.item, false AS again
FROM had AS h
WHERE h.basket = h.another
UNION ALL
SELECT DISTINCT e.who, e.basket, e.item, true AS again
FROM events AS e
INNER JOIN had AS h ON h.who = e.who AND h.item = e.item
CROSS JOIN settings AS s
WHERE
    h.basket <> h.another
    AND (s.all_types = 1 OR e.event_type IN (SELECT t.event_type FROM taken_types AS t))

-- step: large
SELECT t.who, t.basket, sum(t.item) AS salt
FROM taken AS t
CROSS JOIN settings AS s
GROUP BY t.who, t.basket, s.max_basket
HAVING count(*) > s.max_basket

-- A basket over the limit keeps a choice that looks random and depends on nothing but what is in it.
-- step: baskets
SELECT t.who, t.basket, t.item, t.again
FROM taken AS t
LEFT JOIN large AS l ON l.who = t.who AND l.basket = t.basket
WHERE l.who IS NULL
UNION ALL
SELECT c.who, c.basket, c.item, c.again
FROM (
    SELECT
        t.who,
        t.basket,
        t.item,
        t.again,
        row_number() OVER (
            PARTITION BY t.who, t.basket
            ORDER BY ((t.item + 1) * CAST(2654435761 AS BIGINT) + CAST(l.salt AS BIGINT) * 40503) % 2147483647, t.item
        ) AS place
    FROM taken AS t
    INNER JOIN large AS l ON l.who = t.who AND l.basket = t.basket
) AS c
CROSS JOIN settings AS s
WHERE c.place <= s.max_basket

-- step: item_users
SELECT u.item, count(*) AS users
FROM (
    SELECT b.item FROM baskets AS b WHERE NOT b.again
    UNION ALL
    SELECT d.item FROM (SELECT DISTINCT b.who, b.item FROM baskets AS b WHERE b.again) AS d
) AS u
GROUP BY u.item

-- One vote per user and pair, however often the two met in the user's baskets: they meet again only where the user has
-- both again, and only there votes are sorted out. Two items are packed into one number, the higher half first: half
-- the width to sort, and exact to take apart.
-- step: pairs
SELECT
    CAST((v.pair - v.pair % 4294967296) / 4294967296 AS INTEGER) AS item,
    CAST(v.pair % 4294967296 AS INTEGER) AS neighbour,
    count(*) AS support
FROM (
    SELECT CAST(a.item AS BIGINT) * 4294967296 + b.item AS pair
    FROM baskets AS a
    INNER JOIN baskets AS b ON b.basket = a.basket AND b.who = a.who
    WHERE b.item > a.item AND NOT (a.again AND b.again)
    UNION ALL
    SELECT d.pair
    FROM (
        SELECT DISTINCT a.who, CAST(a.item AS BIGINT) * 4294967296 + b.item AS pair
        FROM (SELECT who, basket, item FROM baskets WHERE again) AS a
        INNER JOIN (SELECT who, basket, item FROM baskets WHERE again) AS b ON b.basket = a.basket AND b.who = a.who
        WHERE b.item > a.item
    ) AS d
) AS v
GROUP BY v.pair
HAVING count(*) >= (SELECT s.min_support FROM settings AS s)

-- The unit of shrinkage is the mean item's users, so that twice the data shrinks no differently.
-- step: weighted
SELECT
    p.item,
    p.neighbour,
    p.support,
    CAST(p.support AS DOUBLE)
    / (sqrt(CAST(x.users AS DOUBLE) * CAST(y.users AS DOUBLE)) + s.shrinkage / 1000.0 * m.users) AS weight
FROM pairs AS p
INNER JOIN item_users AS x ON x.item = p.item
INNER JOIN item_users AS y ON y.item = p.neighbour
CROSS JOIN (SELECT CAST(sum(users) AS DOUBLE) / count(*) AS users FROM item_users) AS m
CROSS JOIN settings AS s

-- step: result
SELECT r.item, r.neighbour, r.weight, r.support
FROM (
    SELECT
        d.item,
        d.neighbour,
        d.support,
        d.weight,
        row_number() OVER (PARTITION BY d.item ORDER BY d.weight DESC, d.neighbour) AS place
    FROM (
        SELECT w.item, w.neighbour, w.support, w.weight
        FROM weighted AS w
        UNION ALL
        SELECT w.neighbour AS item, w.item AS neighbour, w.support, w.weight
        FROM weighted AS w
    ) AS d
) AS r
CROSS JOIN settings AS s
WHERE r.place <= s.neighbours
