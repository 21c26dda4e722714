-- Every item of the events, numbered in the order of its id's bytes.
-- In: canonical_events.  Out: item INTEGER, item_id.
SELECT CAST(row_number() OVER (ORDER BY item_id) - 1 AS INTEGER) AS item, item_id
FROM (SELECT DISTINCT item_id FROM canonical_events)
