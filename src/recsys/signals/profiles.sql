-- Profiles: what each user did last, once per item and type of event.
--
-- Reads
--   canonical_events  ts TIMESTAMP, day INTEGER (from 1970-01-01), item_id VARCHAR, event_type VARCHAR, who BIGINT
--   items             item INTEGER, item_id VARCHAR
--   people            who BIGINT, name VARCHAR; who has a pseudonym: a session alone is nobody to come back to
--   settings          last BIGINT, all_types BIGINT
--   taken_types       event_type VARCHAR
-- Returns, by owner and place
--   owner BIGINT (the place of the user's pseudonym among all, sorted), place BIGINT, item INTEGER, type INTEGER,
--   day INTEGER
-- and in the steps `owners` and `types` the names of owners and of types. Whole numbers only: no order of work shows.

-- A user is a number up to the last step: names are long to group by.
-- step: latest
SELECT e.who, i.item, e.event_type, max(e.ts) AS ts, max(e.day) AS day
FROM canonical_events AS e
INNER JOIN items AS i ON i.item_id = e.item_id
CROSS JOIN settings AS s
WHERE
    e.who IN (SELECT p.who FROM people AS p)
    AND (s.all_types = 1 OR e.event_type IN (SELECT t.event_type FROM taken_types AS t))
GROUP BY e.who, i.item, e.event_type

-- step: kept
SELECT r.who, r.item, r.event_type, r.day, r.place
FROM (
    SELECT
        l.who,
        l.item,
        l.event_type,
        l.day,
        row_number() OVER (PARTITION BY l.who ORDER BY l.ts DESC, l.item, l.event_type) AS place
    FROM latest AS l
) AS r
CROSS JOIN settings AS s
WHERE r.place <= s.last

-- step: owners
SELECT row_number() OVER (ORDER BY p.name) - 1 AS owner, p.name, p.who
FROM people AS p
WHERE p.who IN (SELECT k.who FROM kept AS k)

-- step: types
SELECT CAST(row_number() OVER (ORDER BY n.event_type) - 1 AS INTEGER) AS type, n.event_type
FROM (SELECT DISTINCT event_type FROM kept) AS n

-- step: result
SELECT o.owner, k.place, k.item, t.type, k.day
FROM kept AS k
INNER JOIN owners AS o ON o.who = k.who
INNER JOIN types AS t ON t.event_type = k.event_type
ORDER BY o.owner, k.place
