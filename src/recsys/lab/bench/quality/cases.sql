-- Purpose: what each customer had before a day, and the first basket after it.
-- Inputs:  canonical_events, people (views); {start}, {end}: the first day of the period and the first after it, UTC;
--          {wanted}: a condition on event_type.
-- Outputs: who, history (items newest first, at most {most}), had (every item before), basket (the items that are
--          wanted of the first basket that begins in the period and holds any). Customers without a basket in the
--          period are left out. Who has no user or browser id is nobody to come back, and is left out too. The order
--          looks random and depends on nothing but what they took: numbers of customers differ from run to run with the
--          tenant's key.
WITH
acted AS (
    SELECT e.who, e.basket, e.item_id, e.ts, coalesce({wanted}, false) AS wanted
    FROM canonical_events AS e
    WHERE e.who IN (SELECT p.who FROM people AS p)
),

opened AS (
    SELECT who, basket, min(ts) AS ts
    FROM acted
    GROUP BY who, basket
    HAVING bool_or(wanted)
),

-- A basket that was open when the period began belongs to what came before.
next_basket AS (
    SELECT who, arg_min(basket, (ts, basket)) AS basket
    FROM opened
    WHERE ts >= DATE '{start}' AND ts < DATE '{end}'
    GROUP BY who
),

wanted AS (
    SELECT n.who, list(DISTINCT a.item_id ORDER BY a.item_id) AS basket
    FROM next_basket AS n
    INNER JOIN acted AS a ON a.who = n.who AND a.basket = n.basket
    WHERE a.wanted AND a.ts < DATE '{end}'
    GROUP BY n.who
),

before AS (
    SELECT who, list(item_id ORDER BY ts DESC, item_id) AS had
    FROM (
        SELECT who, item_id, max(ts) AS ts
        FROM acted
        WHERE ts < DATE '{start}'
        GROUP BY who, item_id
    )
    GROUP BY who
)

SELECT w.who, coalesce(b.had[:{most}], []) AS history, coalesce(b.had, []) AS had, w.basket
FROM wanted AS w
LEFT JOIN before AS b ON b.who = w.who
ORDER BY md5(concat_ws(' ', w.basket, '|', b.had)), w.who
