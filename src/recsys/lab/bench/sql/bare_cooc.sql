-- Purpose: co-occurrence as somebody who knows SQL would write it over the files: what the pipelines' is held against.
-- In: files of interaction.v1.
-- Out: item_id, neighbour_id, weight, support; the fifty nearest of each item.
-- Holes: events (the files' glob).
WITH items AS (
    SELECT item_id, CAST(row_number() OVER (ORDER BY item_id) - 1 AS BIGINT) AS item
    FROM (SELECT DISTINCT item_id FROM read_parquet('${events}'))
),

taken AS MATERIALIZED (
    SELECT DISTINCT
        hash(coalesce(e.user_id, e.anonymous_id, e.session_id)) AS who,
        hash(coalesce(e.session_id, CAST(CAST(e.ts AS DATE) AS VARCHAR))) AS basket,
        i.item
    FROM read_parquet('${events}') AS e
    INNER JOIN items AS i ON i.item_id = e.item_id
    WHERE NOT (e.event_type = 'view' AND e.request_id IS NOT NULL)
),

large AS (
    SELECT who, basket
    FROM taken
    GROUP BY who, basket
    HAVING count(*) > 25
),

baskets AS MATERIALIZED (
    SELECT who, basket, item
    FROM taken
    ANTI JOIN large USING (who, basket)
    UNION ALL
    SELECT who, basket, item
    FROM taken
    SEMI JOIN large USING (who, basket)
    QUALIFY row_number() OVER (PARTITION BY who, basket ORDER BY hash(item)) <= 25
),

item_users AS (
    SELECT item, count(DISTINCT who) AS users
    FROM baskets
    GROUP BY item
),

pairs AS (
    SELECT pair // 4294967296 AS item, pair % 4294967296 AS neighbour, count(*) AS support
    FROM (
        SELECT DISTINCT a.who, a.item * 4294967296 + b.item AS pair
        FROM baskets AS a
        INNER JOIN baskets AS b ON b.basket = a.basket AND b.who = a.who AND b.item > a.item
    )
    GROUP BY pair
    HAVING count(*) >= 2
),

weighted AS (
    SELECT
        p.item,
        p.neighbour,
        p.support,
        p.support / (sqrt(x.users * y.users) + 0.1 * (SELECT avg(users) FROM item_users)) AS weight
    FROM pairs AS p
    INNER JOIN item_users AS x ON x.item = p.item
    INNER JOIN item_users AS y ON y.item = p.neighbour
),

directed AS (
    SELECT item, neighbour, support, weight
    FROM weighted
    UNION ALL
    SELECT neighbour, item, support, weight
    FROM weighted
)

SELECT i.item_id, n.item_id AS neighbour_id, d.weight, d.support
FROM (
    SELECT *
    FROM directed
    QUALIFY row_number() OVER (PARTITION BY item ORDER BY weight DESC, neighbour) <= 50
) AS d
INNER JOIN items AS i ON i.item = d.item
INNER JOIN items AS n ON n.item = d.neighbour
