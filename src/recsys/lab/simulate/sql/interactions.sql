-- Purpose: word the organic events as interaction.v1, in order of time.
-- In: told_interactions(n, ts, item_id, user_no, logged_in, visit, quantity, value); variable tag.
-- Out: one row an event. quantity -1 marks a view.
SELECT
    strftime(make_timestamp(e.ts * 1000), '%Y-%m-%dT%H:%M:%S.%gZ') AS ts,
    e.item_id,
    if(e.quantity < 0, 'view', 'conversion') AS event_type,
    if(e.logged_in, 'u' || (e.user_no + 1), NULL) AS user_id,
    'a' || (e.user_no + 1) AS anonymous_id,
    's-' || getvariable('tag') || '-' || e.visit AS session_id,
    if(e.quantity < 0, NULL, e.value) AS value,
    if(e.quantity < 0, NULL, e.quantity::DOUBLE) AS quantity,
    'e-' || getvariable('tag') || '-' || e.n AS event_id
FROM told_interactions AS e
ORDER BY e.ts, e.n
