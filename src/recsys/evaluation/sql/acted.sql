-- What was done with each item of each request, as far as it counts, and where the judged list has the item.
-- In: matched, evaluated (for re-ranked lists).  Out: table acted.
-- Holes: unit, slices, list_rank (SQL of the item's rank in the judged list), lists (join that brings the judged list),
--        grade (SQL of the relevance of event_type).
-- Most requests have one outcome, and one outcome needs no adding up.
CREATE TEMP TABLE acted AS
WITH counted AS (
    SELECT m.request, m.alone, m.item_id, ${unit} AS unit, ${grade} AS grade, ${list_rank} AS rank,
           m.event_type = 'view' AS viewed, m.event_type = 'click' AS clicked, m.event_type = 'conversion' AS converted,
           CASE WHEN m.event_type = 'conversion' THEN coalesce(round(m.value * 1000000)::HUGEINT, 0) ELSE 0 END
               AS revenue_millionths
           ${slices}
    FROM matched AS m ${lists}
    WHERE m.reason IS NULL
)
SELECT * FROM counted WHERE alone
UNION ALL
SELECT request, alone, item_id, any_value(unit), max(grade), min(rank), bool_or(viewed), bool_or(clicked),
       bool_or(converted), sum(revenue_millionths) ${any_slices}
FROM counted WHERE NOT alone
GROUP BY request, alone, item_id
