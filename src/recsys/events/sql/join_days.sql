-- Purpose: how many outcomes find the answer they belong to, and how many answers have an outcome, day by day.
-- Inputs:  tables shown, acted.
-- Outputs: one row a UTC day, oldest first: day, exposures, exposures_acted_on, outcomes, matched. An outcome counts on
--          its own day, and an answer on its own, whenever something was done with it.
with exposed as (
    select
        cast(ts as date) as day,
        count(*) as exposures,
        count(*) filter (where request_id in (select request_id from acted)) as exposures_acted_on
    from shown
    group by day
),

done as (
    select
        cast(acted.ts as date) as day,
        count(*) as outcomes,
        count(shown.request_id) as matched
    from acted
    left join shown on acted.request_id = shown.request_id
    group by day
)

select
    coalesce(exposed.day, done.day) as day,
    coalesce(exposed.exposures, 0) as exposures,
    coalesce(exposed.exposures_acted_on, 0) as exposures_acted_on,
    coalesce(done.outcomes, 0) as outcomes,
    coalesce(done.matched, 0) as matched
from exposed
full join done on exposed.day = done.day
order by day
