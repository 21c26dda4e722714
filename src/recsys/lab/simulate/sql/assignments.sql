-- Purpose: word the A/A split as assignment.v1: one row a request, an anonymous id always in the same arm.
-- In: told_lists(n, ts, user_no, logged_in, visit, arm); variables tag, experiment, variants.
-- Out: one row a list.
SELECT
    getvariable('experiment') AS experiment_id,
    getvariable('variants')[e.arm + 1] AS variant,
    'r-' || getvariable('tag') || '-' || e.visit AS request_id,
    strftime(make_timestamp(e.ts * 1000), '%Y-%m-%dT%H:%M:%S.%gZ') AS ts,
    if(e.logged_in, 'u' || (e.user_no + 1), NULL) AS user_id,
    'a' || (e.user_no + 1) AS unit_id,
    'anonymous_id' AS unit_type
FROM told_lists AS e
ORDER BY e.ts, e.n
