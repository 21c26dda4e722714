-- Purpose: word the old shop's lists as exposure.v1, in order of time.
-- In: told_lists(n, ts, user_no, logged_in, visit, surface, arm, latency_us, i1…, p1…); variables tag, surfaces, experiment, variants.
-- Out: one row a list. $SHOWN is replaced by one {item_id, rank, propensity} for each place.
SELECT
    'r-' || getvariable('tag') || '-' || e.visit AS request_id,
    strftime(make_timestamp(e.ts * 1000), '%Y-%m-%dT%H:%M:%S.%gZ') AS ts,
    [$SHOWN] AS items,
    if(e.logged_in, 'u' || (e.user_no + 1), NULL) AS user_id,
    MAP {
        'surface': getvariable('surfaces')[e.surface + 1],
        'algo_version': 'old-shop-1',
        'traffic': 'user',
        'experiment_id': getvariable('experiment'),
        'experiment_variant': getvariable('variants')[e.arm + 1],
        'unit_id': 'a' || (e.user_no + 1),
        'unit_type': 'anonymous_id'
    } AS context,
    e.latency_us / 1000 AS latency_ms
FROM told_lists AS e
ORDER BY e.ts, e.n
