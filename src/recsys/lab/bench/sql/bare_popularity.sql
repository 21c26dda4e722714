-- Purpose: popularity as somebody who knows SQL would write it over the files: what the pipelines' is held against.
-- In: files of interaction.v1.
-- Out: item_id, score, votes; one row an item.
-- Holes: events (the files' glob), end (the last day).
SELECT
    item_id,
    sum(vote * pow(0.5, (DATE '${end}' - day) / 14.0)) AS score,
    count(*) AS votes
FROM (
    SELECT
        item_id,
        coalesce(user_id, anonymous_id, session_id) AS who,
        CAST(ts AS DATE) AS day,
        max(
            CASE event_type
                WHEN 'view' THEN 1.0
                WHEN 'click' THEN 2.0
                WHEN 'add_to_cart' THEN 3.0
                WHEN 'cart' THEN 3.0
                ELSE 5.0
            END
            * CASE WHEN request_id IS NULL THEN 1.0 ELSE 0.5 END
        ) AS vote
    FROM read_parquet('${events}')
    WHERE NOT (event_type = 'view' AND request_id IS NOT NULL)
    GROUP BY 1, 2, 3
)
GROUP BY item_id
