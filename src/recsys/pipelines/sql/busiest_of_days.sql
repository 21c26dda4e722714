-- Of how many people the newest days are, and how many events the busiest of each day has.
-- In: canonical_events.  Out: day, people, most, events.
-- Holes: since (the first of these days, from 1970-01-01).
SELECT u.day, count(*) AS people, max(u.events) AS most, CAST(sum(u.events) AS BIGINT) AS events
FROM (
    SELECT day, who, count(*) AS events
    FROM canonical_events
    WHERE day >= ${since}
    GROUP BY day, who
) AS u
GROUP BY u.day
ORDER BY u.day
