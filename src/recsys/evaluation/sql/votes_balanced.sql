-- Votes of each request for each list: items somebody acted on among the first k of either, where k is as far as one of
-- the lists reaches down to the lowest of them (Joachims 2002).
-- In: matched, evaluated, ranklists_read.  Out: table votes(request_id, unit, day, candidate, control, slice_<n>…).
-- Holes: slices (columns of evaluated, with leading comma).  Parameters: event, candidate, control.
CREATE TEMP TABLE votes AS
WITH acted AS (
    SELECT request_id, list(DISTINCT item_id) AS items, arg_max(item_id, {'rank': shown_rank, 'item': item_id}) AS lowest
    FROM matched WHERE reason IS NULL AND event_type = $event GROUP BY request_id
),
lists AS (
    SELECT request_id, ranker,
           list_transform(list_sort(list_transform(items, lambda x: {'rank': x.rank, 'item_id': x.item_id})),
                          lambda x: x.item_id) AS items
    FROM ranklists_read WHERE ranker IN ($candidate, $control)
),
reached AS (
    SELECT a.request_id, a.items AS acted, c.items AS candidate, o.items AS control,
           least(nullif(list_position(c.items, a.lowest), 0), nullif(list_position(o.items, a.lowest), 0)) AS k
    FROM acted AS a
    JOIN lists AS c ON c.request_id = a.request_id AND c.ranker = $candidate
    JOIN lists AS o ON o.request_id = a.request_id AND o.ranker = $control
)
SELECT e.request_id, e.unit, e.day ${slices},
       coalesce(len(list_intersect(r.acted, r.candidate[:r.k])), 0) AS candidate,
       coalesce(len(list_intersect(r.acted, r.control[:r.k])), 0) AS control
FROM evaluated AS e LEFT JOIN reached AS r USING (request_id)
