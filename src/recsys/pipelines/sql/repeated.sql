-- How many events of the newest days are told again, alike in all they say.
-- In: canonical_events.  Out: day, again.
-- Holes: since (the first of these days, from 1970-01-01).
SELECT r.day, sum(r.events) - count(*) AS again
FROM (
    SELECT day, count(*) AS events
    FROM canonical_events
    WHERE day >= ${since}
    GROUP BY day, hash(ts, who, basket, item_id, event_type, surface, segment, request)
    HAVING count(*) > 1
) AS r
GROUP BY r.day
ORDER BY r.day
