-- How many people act in each hour of the newest days: what clocks are judged by.
-- In: canonical_events.  Out: day, hour, people.
-- Holes: since (the first of these days, from 1970-01-01).
SELECT day, CAST(hour(ts) AS INTEGER) AS hour, count(DISTINCT who) AS people
FROM canonical_events
WHERE day >= ${since}
GROUP BY day, hour(ts)
ORDER BY day, hour
