-- Purpose: what a surface answered, hour by hour.
-- Inputs:  table shown; $surface.
-- Outputs: one row an hour with answers (UTC), oldest first.
select
    epoch(date_trunc('hour', ts)) as began_s,
    count(*) as answers,
    count(*) filter (where len(item_ids) = 0) as empties,
    count(*) filter (where rung <> 'live') as fallbacks,
    quantile_cont(latency_ms, 0.99) as p99_ms
from shown
where surface = $surface
group by began_s
order by began_s
