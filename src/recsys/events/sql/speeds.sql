-- Purpose: how long each host took to answer from each generation.
-- Inputs:  table shown; $surface.
-- Outputs: one row a (generation, host), oldest first.
select
    generation,
    host,
    count(*) as answers,
    quantile_cont(latency_ms, 0.5) as median_ms,
    quantile_cont(latency_ms, 0.99) as p99_ms,
    epoch(min(ts)) as first_s
from shown
where surface = $surface and latency_ms is not null
group by generation, host
order by generation, host
