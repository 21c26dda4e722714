-- How many good rows are not among the canonical events, by reason.
-- In: staged, others_lists.  Out: one row.
-- Holes: inside (the condition on ts of the days that are read), window (that of the whole window).
SELECT
    count(*) FILTER (NOT within) AS outside_window,
    count(*) FILTER (within AND NOT inside) AS earlier_days,
    count(*) FILTER (inside AND looks) AS list_views,
    count(*) FILTER (inside AND NOT looks AND nobody) AS without_anyone,
    count(*) FILTER (inside AND NOT looks AND NOT nobody AND not_by_users) AS events_not_by_users
FROM (
    SELECT
        EXISTS (SELECT 1 FROM others_lists AS o WHERE o.request = staged.request) AS not_by_users,
        ${window} AS within,
        ${inside} AS inside,
        event_type = 'view' AND request IS NOT NULL AS looks,
        actor IS NULL AND session IS NULL AS nobody
    FROM staged
    WHERE verdict = 0
)
