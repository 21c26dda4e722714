-- Session sequence: what users go on to after an item, within one session.
--
-- Reads
--   events       item INTEGER, who BIGINT, basket BIGINT (a session, or a user's day), moment BIGINT (microseconds),
--                event_type VARCHAR
--   settings     one row: max_session, min_support, shrinkage (in 1/1000), neighbours, all_types (0 or 1); BIGINT
--   taken_types  event_type VARCHAR; used when all_types is 0
--   gaps         gap BIGINT (steps), vote BIGINT (in 2**-20)
-- Returns one row per item and what follows it
--   item INTEGER, neighbour INTEGER, weight DOUBLE
-- Votes are integers and the order is theirs, so it depends neither on the order of the rows nor on rounding.

-- An item enters a session once, when it is first taken.
-- step: taken
SELECT e.who, e.basket, e.item, min(e.moment) AS moment
FROM events AS e
CROSS JOIN settings AS s
WHERE s.all_types = 1 OR e.event_type IN (SELECT t.event_type FROM taken_types AS t)
GROUP BY e.who, e.basket, e.item

-- What happened at one moment is one step: nothing in it follows anything else in it.
-- step: walks
SELECT w.who, w.basket, w.item, w.step
FROM (
    SELECT
        t.who,
        t.basket,
        t.item,
        dense_rank() OVER (PARTITION BY t.who, t.basket ORDER BY t.moment) AS step,
        row_number() OVER (PARTITION BY t.who, t.basket ORDER BY t.moment, t.item) AS place
    FROM taken AS t
) AS w
CROSS JOIN settings AS s
WHERE w.place <= s.max_session

-- step: item_users
SELECT u.item, count(*) AS users
FROM (SELECT DISTINCT who, item FROM walks) AS u
GROUP BY u.item

-- One vote per user and ordered pair: the shortest way the user ever went.
-- step: followed
SELECT v.item, v.neighbour, sum(v.vote) AS votes
FROM (
    SELECT a.who, a.item, b.item AS neighbour, max(g.vote) AS vote
    FROM walks AS a
    INNER JOIN walks AS b ON b.basket = a.basket AND b.who = a.who
    INNER JOIN gaps AS g ON g.gap = b.step - a.step
    WHERE b.step > a.step
    GROUP BY a.who, a.item, b.item
) AS v
GROUP BY v.item, v.neighbour
HAVING count(*) >= (SELECT s.min_support FROM settings AS s)

-- step: result
SELECT
    r.item,
    r.neighbour,
    CAST(r.votes AS DOUBLE) / (1048576.0 * (CAST(u.users AS DOUBLE) + s.shrinkage / 1000.0 * m.users)) AS weight
FROM (
    SELECT
        f.item,
        f.neighbour,
        f.votes,
        row_number() OVER (PARTITION BY f.item ORDER BY f.votes DESC, f.neighbour) AS place
    FROM followed AS f
) AS r
INNER JOIN item_users AS u ON u.item = r.item
CROSS JOIN (SELECT CAST(sum(users) AS DOUBLE) / count(*) AS users FROM item_users) AS m
CROSS JOIN settings AS s
WHERE r.place <= s.neighbours
