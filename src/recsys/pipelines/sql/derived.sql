-- One value per item for a field of the derived catalogue, the same whatever order the rows are in.
-- In: staged.  Out: item_id, value.
-- Holes: value (the field, cleaned), usable (condition), order (what stands first), inside.
SELECT item_id, value
FROM (
    SELECT
        item_id,
        ${value} AS value,
        row_number() OVER (PARTITION BY item_id ORDER BY ${order}) AS place
    FROM staged
    WHERE verdict = 0 AND ${inside} AND ${usable}
    GROUP BY item_id, ${value}
)
WHERE place = 1
