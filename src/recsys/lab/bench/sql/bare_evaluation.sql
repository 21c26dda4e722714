-- Purpose: NDCG@10 and click-through rate over all requests and in every slice, as one would write them by hand: the two
-- numbers, and nothing that says whether they can be believed.
-- In: the files of the log.  Out: slice_key, slice, requests, ndcg, ctr; one row for all (slice_key '') and one a slice.
-- Holes: exposures, outcomes (table functions that read them).
-- The list is only filtered for what was acted on; it is never unnested. An item counts once for a request, within a day.
WITH acted AS (
    SELECT o.request_id, o.item_id, e.context['surface'] AS surface, e.context['segment'] AS segment,
           e.context['country'] AS country, bool_or(o.event_type = 'click') AS clicked,
           any_value(list_filter(e.items, lambda x: x.item_id = o.item_id)[1].rank) AS rank
    FROM ${outcomes} AS o JOIN ${exposures} AS e USING (request_id)
    WHERE o.ts::TIMESTAMPTZ BETWEEN e.ts::TIMESTAMPTZ AND e.ts::TIMESTAMPTZ + INTERVAL 24 HOUR
    GROUP BY ALL
),
scored AS (
    SELECT surface, segment, country, bool_or(clicked)::INTEGER AS clicked,
           coalesce(sum(1 / log2(rank + 1)) FILTER (rank <= 10), 0)
           / list_sum(list_transform(range(1, least(count(*), 10) + 1), lambda i: 1 / log2(i + 1))) AS ndcg
    FROM acted WHERE rank IS NOT NULL
    GROUP BY request_id, surface, segment, country
),
earned AS (
    SELECT surface, segment, country, sum(ndcg) AS ndcg, sum(clicked) AS clicked
    FROM scored GROUP BY GROUPING SETS ((), (surface), (segment), (country))
),
served AS (
    SELECT surface, segment, country, count(*) AS requests
    FROM (
        SELECT context['surface'] AS surface, context['segment'] AS segment, context['country'] AS country
        FROM ${exposures}
    )
    GROUP BY GROUPING SETS ((), (surface), (segment), (country))
)
SELECT CASE WHEN s.surface IS NOT NULL THEN 'surface' WHEN s.segment IS NOT NULL THEN 'segment'
            WHEN s.country IS NOT NULL THEN 'country' ELSE '' END AS slice_key,
       coalesce(s.surface, s.segment, s.country, '') AS slice,
       s.requests, coalesce(e.ndcg, 0) / s.requests AS ndcg, coalesce(e.clicked, 0) / s.requests AS ctr
FROM served AS s
LEFT JOIN earned AS e
    ON s.surface IS NOT DISTINCT FROM e.surface
    AND s.segment IS NOT DISTINCT FROM e.segment
    AND s.country IS NOT DISTINCT FROM e.country
ORDER BY slice_key, slice
