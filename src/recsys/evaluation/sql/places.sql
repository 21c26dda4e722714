-- How often each item stands in the first k of a judged list (once per list), and how many units acted on it.
-- In: evaluated, acted.  Out: item, places, units; items nobody listed but somebody acted on have 0 places.
-- Parameter: k.
WITH listed AS (
    SELECT unnest(list_distinct(list_transform(list_filter(items, lambda x: x.rank <= $k), lambda x: x.item_id)))
        AS item_id
    FROM evaluated
),
known AS (
    SELECT DISTINCT unnest(list_transform(items, lambda x: x.item_id)) AS item_id FROM exposures
    UNION SELECT DISTINCT unnest(list_transform(items, lambda x: x.item_id)) FROM evaluated
    UNION SELECT item_id FROM outcomes
),
places AS (SELECT item_id, count(*) AS places FROM listed GROUP BY item_id),
popularity AS (SELECT item_id, count(DISTINCT unit) AS units FROM acted WHERE grade > 0 GROUP BY item_id)
SELECT item_id, coalesce(places, 0) AS places, coalesce(units, 0) AS units
FROM known LEFT JOIN places USING (item_id) LEFT JOIN popularity USING (item_id)
ORDER BY item_id
