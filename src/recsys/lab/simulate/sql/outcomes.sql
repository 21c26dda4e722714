-- Purpose: word what users did with the lists as outcome.v1, in order of time.
-- In: told_outcomes(n, ts, item_id, user_no, logged_in, visit, surface, rank, converted, quantity, value); variables tag, surfaces.
-- Out: one row an outcome; a conversion follows its click.
SELECT
    'r-' || getvariable('tag') || '-' || e.visit AS request_id,
    e.item_id,
    if(e.converted, 'conversion', 'click') AS event_type,
    strftime(make_timestamp(e.ts * 1000), '%Y-%m-%dT%H:%M:%S.%gZ') AS ts,
    if(e.logged_in, 'u' || (e.user_no + 1), NULL) AS user_id,
    'a' || (e.user_no + 1) AS anonymous_id,
    's-' || getvariable('tag') || '-' || e.visit AS session_id,
    getvariable('surfaces')[e.surface + 1] AS surface,
    if(e.converted, e.value, NULL) AS value,
    if(e.converted, e.quantity::DOUBLE, NULL) AS quantity,
    e.rank::INTEGER AS rank,
    'o-' || getvariable('tag') || '-' || e.n AS event_id
FROM told_outcomes AS e
ORDER BY e.ts, e.n
