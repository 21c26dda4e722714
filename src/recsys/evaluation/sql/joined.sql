-- Every exposure beside each of its outcomes, or alone: all that is ever asked of the lists, in one pass over them.
-- In: exposures_read, outcomes.  Out: table joined: request (hash of its id), ts_us, content and bad of the row, what the
-- request is; outcome (its rowid, NULL without one) and shown_rank of its item in the list; first: true of one row of
-- every exposure.
-- Holes: ids (the request id, with trailing comma, where it is kept), columns (SQL of what the request is), left_out (the
-- lists, where they are not kept).
-- A list is only filtered for the outcome's item; it is never unnested. Ranks that are no whole numbers are bad rows.
CREATE TEMP TABLE joined AS
SELECT e.* ${left_out}, o.outcome, coalesce(o.first, true) AS first,
       CASE WHEN o.outcome IS NOT NULL THEN TRY_CAST(
           list_min(list_transform(list_filter(e.items, lambda x: x.item_id = o.item_id), lambda x: x.rank)) AS INTEGER
       ) END AS shown_rank
FROM (
    SELECT hash(request_id) AS request, ${ids} ts_us, content, bad, items, ${columns}
    FROM exposures_read
) AS e
LEFT JOIN (
    SELECT request, rowid::UINTEGER AS outcome, item_id,
           rowid IN (SELECT min(rowid) FROM outcomes GROUP BY request) AS first
    FROM outcomes
) AS o USING (request)
