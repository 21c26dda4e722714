-- One value per item for a field of the derived catalogue, the same whatever order the rows are in.
-- In: canonical_described.  Out: item_id, value.  Holes: field, order (what stands first).
SELECT item_id, value
FROM (
    SELECT
        item_id,
        value,
        row_number() OVER (PARTITION BY item_id ORDER BY ${order}) AS place
    FROM canonical_described
    WHERE field = ${field}
    GROUP BY item_id, value
)
WHERE place = 1
