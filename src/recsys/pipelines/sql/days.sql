-- How many events of each type every day has: what volumes are judged by.
-- In: canonical_events.  Out: day, event_type, events.
SELECT day, event_type, count(*) AS events
FROM canonical_events
GROUP BY day, event_type
ORDER BY day, event_type
