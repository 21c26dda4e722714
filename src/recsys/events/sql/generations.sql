-- Purpose: what each generation answered on each surface, and what users did with it.
-- Inputs:  tables shown, acted.
-- Outputs: one row a (surface, generation), oldest first.
with clicked as (
    select distinct request_id from acted where event_type in ('click', 'conversion')
)

select
    shown.surface,
    shown.generation,
    count(*) as answers,
    count(*) filter (where len(shown.item_ids) = 0) as empties,
    count(*) filter (where shown.rung <> 'live') as fallbacks,
    count(*) filter (where shown.rung = 'floor') as floors,
    count(clicked.request_id) as clicked,
    quantile_cont(shown.latency_ms, 0.99) as p99_ms,
    epoch(min(shown.ts)) as first_s,
    epoch(max(shown.ts)) as last_s
from shown
left join clicked on shown.request_id = clicked.request_id
group by shown.surface, shown.generation
order by shown.surface, shown.generation
