-- Purpose: how often people clicked on what some generations showed them, with what a variance by person needs.
-- Inputs:  tables shown, acted; $surface; $generations, a list.
-- Outputs: one row: people, answers, clicked answers, and the sums over people of clicked², clicked·answers, answers².
with clicked as (
    select distinct request_id from acted where event_type in ('click', 'conversion')
),

person as (
    select
        shown.unit,
        count(*) as answers,
        count(clicked.request_id) as clicked
    from shown
    left join clicked on shown.request_id = clicked.request_id
    where shown.surface = $surface and list_contains($generations, shown.generation)
    group by shown.unit
)

select
    count(*) as people,
    coalesce(sum(answers), 0) as answers,
    coalesce(sum(clicked), 0) as clicked,
    coalesce(sum(clicked * clicked), 0) as clicked_squared,
    coalesce(sum(clicked * answers), 0) as clicked_answers,
    coalesce(sum(answers * answers), 0) as answers_squared
from person
