-- Of how many there are events, and how many the busiest of them has.
-- In: canonical_events.  Out: people, most, events.
SELECT count(*) AS people, max(u.events) AS most, CAST(sum(u.events) AS BIGINT) AS events
FROM (
    SELECT who, count(*) AS events
    FROM canonical_events
    GROUP BY who
) AS u
