-- Profiles: what each user did last, once per item and type of event.
--
-- Reads
--   canonical_events  ts TIMESTAMP, day INTEGER (from 1970-01-01), item_id VARCHAR, event_type VARCHAR, who BIGINT
--   items             item INTEGER, item_id VARCHAR
--   people            who BIGINT, name VARCHAR; who has a pseudonym: a session alone is nobody to come back to
--   settings          last BIGINT, all_types BIGINT
--   taken_types       event_type VARCHAR
-- Returns, by owner and place
--   owner BIGINT (the place of the user's pseudonym among all, sorted), item INTEGER, type INTEGER, day INTEGER
-- and in the steps `owners` and `types` the names of owners and of types. Whole numbers only: no order of work shows.

-- step: latest
SELECT p.name, i.item, e.event_type, max(e.ts) AS ts, max(e.day) AS day
FROM canonical_events AS e
INNER JOIN people AS p ON p.who = e.who
INNER JOIN items AS i ON i.item_id = e.item_id
CROSS JOIN settings AS s
WHERE s.all_types = 1 OR e.event_type IN (SELECT t.event_type FROM taken_types AS t)
GROUP BY p.name, i.item, e.event_type

-- step: kept
SELECT r.name, r.item, r.event_type, r.day, r.place
FROM (
    SELECT
        l.name,
        l.item,
        l.event_type,
        l.day,
        row_number() OVER (PARTITION BY l.name ORDER BY l.ts DESC, l.item, l.event_type) AS place
    FROM latest AS l
) AS r
CROSS JOIN settings AS s
WHERE r.place <= s.last

-- step: owners
SELECT row_number() OVER (ORDER BY n.name) - 1 AS owner, n.name
FROM (SELECT DISTINCT name FROM kept) AS n

-- step: types
SELECT CAST(row_number() OVER (ORDER BY n.event_type) - 1 AS INTEGER) AS type, n.event_type
FROM (SELECT DISTINCT event_type FROM kept) AS n

-- step: result
SELECT o.owner, k.item, t.type, k.day
FROM kept AS k
INNER JOIN owners AS o ON o.name = k.name
INNER JOIN types AS t ON t.event_type = k.event_type
ORDER BY o.owner, k.place
