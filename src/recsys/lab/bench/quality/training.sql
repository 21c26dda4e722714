-- Purpose: what references learn from: exactly the events that the pipelines see.
-- Inputs:  canonical_events (view); {start}, {end}: the first day and the first day after, UTC.
-- Outputs: who, customer (from 0), basket (from 0; a customer's in the order they began), item_id, moment (seconds since
--          1970), day (from 1970-01-01).
--          Customers are numbered by what they took, not by their pseudonyms, which differ with the tenant's key.
WITH
acted AS (
    SELECT who, basket, min(ts) OVER (PARTITION BY who, basket) AS opened, item_id, ts
    FROM canonical_events
    WHERE ts >= DATE '{start}' AND ts < DATE '{end}'
),

customers AS (
    SELECT
        who,
        row_number() OVER (ORDER BY md5(string_agg(item_id || epoch_us(ts), ' ' ORDER BY ts, item_id)), who) - 1 AS customer
    FROM acted
    GROUP BY who
)

SELECT
    a.who,
    c.customer,
    dense_rank() OVER (ORDER BY c.customer, a.opened, a.basket) - 1 AS basket,
    a.item_id,
    epoch(a.ts) AS moment,
    datediff('day', DATE '1970-01-01', a.ts) AS day
FROM acted AS a
INNER JOIN customers AS c ON c.who = a.who
ORDER BY c.customer, a.ts, a.basket, a.item_id
