-- Every outcome whose exposure exists, beside that exposure, with the reason it does not count (NULL: it counts).
-- In: joined, outcomes.  Out: table matched; first is true of one outcome of each request, alone where it has no other.
-- Holes: columns (the request id where it is kept, and the slice columns, with leading comma).
-- Parameters: window_us, require_shown.
CREATE TEMP TABLE matched AS
WITH several AS MATERIALIZED (SELECT DISTINCT request FROM joined WHERE NOT first)
SELECT *,
    CASE
        WHEN NOT by_user THEN 'not_user_traffic'
        WHEN shown_rank IS NULL AND $require_shown THEN 'not_shown'
        WHEN delay_us < 0 THEN 'before_shown'
        WHEN delay_us > $window_us THEN 'outside_window'
    END AS reason
FROM (
    SELECT e.request, e.first, e.request NOT IN (SELECT request FROM several) AS alone, o.item_id, o.event_type,
           o.value, o.day AS outcome_day, o.surface AS outcome_surface, e.ts_us // 86400000000 AS day, e.unit,
           e.by_user, o.ts_us - e.ts_us AS delay_us, e.shown_rank ${columns}
    FROM joined AS e JOIN outcomes AS o ON o.rowid = e.outcome
)
