-- How many good rows are not among the canonical events, by reason; and how many of those that are name no user.
-- In: staged, others_lists.  Out: one row.  Holes: inside (the window's condition on ts).
SELECT
    count(*) FILTER (NOT inside) AS outside_window,
    count(*) FILTER (inside AND looks) AS list_views,
    count(*) FILTER (inside AND NOT looks AND nobody) AS without_anyone,
    count(*) FILTER (inside AND NOT looks AND NOT nobody AND not_by_users) AS events_not_by_users,
    count(*) FILTER (inside AND NOT looks AND NOT nobody AND NOT not_by_users AND NOT is_user) AS anonymous
FROM (
    SELECT
        is_user,
        EXISTS (SELECT 1 FROM others_lists AS o WHERE o.request = staged.request) AS not_by_users,
        ${inside} AS inside,
        event_type = 'view' AND request IS NOT NULL AS looks,
        actor IS NULL AND session IS NULL AS nobody
    FROM staged
    WHERE verdict = 0
)
