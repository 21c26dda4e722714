-- Every shown item of the judged requests: its propensities, and whether it earned.
-- In: evaluated, matched.  Out: request, unit, item, rank, logging, target, reward; by request and rank.
-- Holes: logging, target (SQL of an item's propensities), context (of what the reward model may look at, with leading comma).  Parameter: event.
WITH earned AS (SELECT DISTINCT request_id, item_id FROM matched WHERE reason IS NULL AND event_type = $event),
shown AS (
    SELECT request_id, unit ${context}, unnest(items) AS one FROM evaluated
)
SELECT dense_rank() OVER (ORDER BY s.request_id) - 1 AS request, s.unit, s.one.item_id AS item, s.one.rank AS rank,
       ${logging} AS logging, ${target} AS target,
       (e.item_id IS NOT NULL)::DOUBLE AS reward ${context}
FROM shown AS s LEFT JOIN earned AS e ON e.request_id = s.request_id AND e.item_id = s.one.item_id
ORDER BY request, rank
