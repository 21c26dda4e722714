-- The events signals read: small whole numbers, and the surface and segment of the list an event followed,
-- one that was shown that day or before.
-- In: canonical_events, items, lists.  Out: day, moment (microseconds since 1970), item, who, basket, event_type, surface, segment, request.
SELECT
    e.day,
    epoch_us(e.ts) AS moment,
    i.item,
    e.who,
    e.basket,
    e.event_type,
    coalesce(e.surface, l.surface) AS surface,
    coalesce(e.segment, l.segment) AS segment,
    e.request
FROM canonical_events AS e
INNER JOIN items AS i ON i.item_id = e.item_id
LEFT JOIN lists AS l ON l.request = e.request AND l.dt <= CAST(e.ts AS DATE)
