-- Implicit feedback: how many users took two items, over their whole histories, for the most active items, and how many
-- came back for one. From these whole numbers implicit.py computes the item model.
--
-- Reads
--   events       item INTEGER, who BIGINT, basket BIGINT (a session, or a user's day), moment BIGINT (microseconds),
--                event_type VARCHAR
--   settings     one row: items, max_history, all_types (0 or 1); BIGINT
--   taken_types  event_type VARCHAR; used when all_types is 0
--   repeat_types event_type VARCHAR, each once; what counts as coming back for an item
-- Returns one row per pair item <= neighbour that a user took both of, item = neighbour included
--   item INTEGER, neighbour INTEGER, users INTEGER, again INTEGER (where item = neighbour: how many of the users took
--   it in more than one basket)

-- step: taken
SELECT
    e.who,
    e.item,
    max(e.moment) AS moment,
    CASE WHEN count(DISTINCT CASE WHEN g.event_type IS NOT NULL THEN e.basket END) > 1 THEN 1 ELSE 0 END AS again
FROM events AS e
LEFT JOIN repeat_types AS g ON g.event_type = e.event_type
CROSS JOIN settings AS s
WHERE s.all_types = 1 OR e.event_type IN (SELECT t.event_type FROM taken_types AS t)
GROUP BY e.who, e.item

-- step: active
SELECT r.item
FROM (
    SELECT t.item, row_number() OVER (ORDER BY count(*) DESC, t.item) AS place
    FROM taken AS t
    GROUP BY t.item
) AS r
CROSS JOIN settings AS s
WHERE r.place <= s.items

-- The newest of a long history; among equals a choice that looks random, and is the same for every copy of a user.
-- step: histories
SELECT h.who, h.item, h.again
FROM (
    SELECT
        t.who,
        t.item,
        t.again,
        row_number() OVER (
            PARTITION BY t.who
            ORDER BY t.moment DESC, (t.item + 1) * CAST(2654435761 AS BIGINT) % 2147483647, t.item
        ) AS place
    FROM taken AS t
    INNER JOIN active AS a ON a.item = t.item
) AS h
CROSS JOIN settings AS s
WHERE h.place <= s.max_history

-- Two items are packed into one number, the first in the higher half: half the width to group by.
-- step: pairs
SELECT
    CAST(a.item AS BIGINT) * 4294967296 + b.item AS pair,
    count(*) AS users,
    sum(CASE WHEN b.item = a.item THEN a.again ELSE 0 END) AS again
FROM histories AS a
INNER JOIN histories AS b ON b.who = a.who
WHERE b.item >= a.item
GROUP BY CAST(a.item AS BIGINT) * 4294967296 + b.item

-- step: result
SELECT
    CAST((p.pair - p.pair % 4294967296) / 4294967296 AS INTEGER) AS item,
    CAST(p.pair % 4294967296 AS INTEGER) AS neighbour,
    CAST(p.users AS INTEGER) AS users,
    CAST(p.again AS INTEGER) AS again
FROM pairs AS p
