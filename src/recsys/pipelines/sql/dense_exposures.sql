-- One row per item shown.
-- In: canonical_exposures, items.  Out: item, rank, request, surface, segment.
SELECT i.item, s.shown.rank AS rank, s.request, s.surface, s.segment
FROM (
    SELECT explode(x.items) AS shown, x.request, x.surface, x.segment
    FROM canonical_exposures AS x
) AS s
INNER JOIN items AS i ON i.item_id = s.shown.item_id
