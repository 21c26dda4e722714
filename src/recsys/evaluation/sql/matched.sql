-- Every outcome whose exposure exists, beside that exposure, with the reason it does not count (NULL: it counts).
-- In: outcomes, exposures.  Out: table matched.  Parameters: window_us, require_shown.
-- Holes: slices (the slice columns, with leading comma).
-- The list of items is only filtered for the outcome's item; it is never unnested.
CREATE TEMP TABLE matched AS
SELECT *,
    CASE
        WHEN NOT by_user THEN 'not_user_traffic'
        WHEN shown_rank IS NULL AND $require_shown THEN 'not_shown'
        WHEN delay_us < 0 THEN 'before_shown'
        WHEN delay_us > $window_us THEN 'outside_window'
    END AS reason
FROM (
    SELECT o.request_id, o.item_id, o.event_type, o.value, o.day AS outcome_day,
           e.day, e.unit, e.by_user, o.ts_us - e.ts_us AS delay_us,
           list_min(list_transform(list_filter(e.items, lambda x: x.item_id = o.item_id), lambda x: x.rank))
               AS shown_rank
           ${slices}
    FROM outcomes AS o JOIN exposures AS e USING (request_id)
)
