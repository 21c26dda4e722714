-- What rows of the days that are read tell of an item: each value of a field, how many rows say so and when one last did.
-- In: staged.  Out: dt DATE, item_id, field, value VARCHAR, told, ts.
-- Holes: field, value (the column, cleaned), usable (condition), inside.
SELECT
    CAST(ts AS DATE) AS dt,
    item_id,
    ${field} AS field,
    CAST(${value} AS VARCHAR) AS value,
    count(*) AS told,
    max(ts) AS ts
FROM staged
WHERE verdict = 0 AND ${inside} AND ${usable}
GROUP BY CAST(ts AS DATE), item_id, CAST(${value} AS VARCHAR)
