-- What was done with each item of each request, as far as it counts, and where the judged list has the item.
-- In: matched, evaluated (for re-ranked lists).  Out: table acted.
-- Holes: unit, slices, list_rank (SQL of the item's rank in the judged list), lists (join that brings the judged list),
--        grade (SQL of the relevance of event_type).
CREATE TEMP TABLE acted AS
SELECT m.request_id, m.item_id, any_value(${unit}) AS unit,
       max(${grade}) AS grade,
       min(${list_rank}) AS rank,
       bool_or(m.event_type = 'view') AS viewed,
       bool_or(m.event_type = 'click') AS clicked,
       bool_or(m.event_type = 'conversion') AS converted,
       coalesce(sum(round(m.value * 1000000)::HUGEINT) FILTER (m.event_type = 'conversion'), 0) AS revenue_millionths
       ${slices}
FROM matched AS m ${lists}
WHERE m.reason IS NULL
GROUP BY m.request_id, m.item_id
