-- Every item of the events and of what was shown, numbered in the order of its id's bytes.
-- In: canonical_events, canonical_exposures.  Out: item INTEGER, item_id.
SELECT CAST(row_number() OVER (ORDER BY item_id) - 1 AS INTEGER) AS item, item_id
FROM (
    SELECT item_id FROM canonical_events
    UNION
    SELECT s.shown.item_id AS item_id
    FROM (SELECT explode(x.items) AS shown FROM canonical_exposures AS x) AS s
) AS i
