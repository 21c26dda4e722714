-- Purpose: what some generations answered day by day, and how much of it was clicked on.
-- Inputs:  tables shown, acted; $surface; $generations, a list.
-- Outputs: one row a UTC day, oldest first: day, answers, clicked.
with clicked as (
    select distinct request_id from acted where event_type in ('click', 'conversion')
)

select
    cast(shown.ts as date) as day,
    count(*) as answers,
    count(clicked.request_id) as clicked
from shown
left join clicked on shown.request_id = clicked.request_id
where shown.surface = $surface and list_contains($generations, shown.generation)
group by day
order by day
