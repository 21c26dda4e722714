-- Purpose: how many units each arm of an experiment got, by the day on which they came to it.
-- Inputs:  table shown; $surface; $experiment; $since_generation, from which on answers count.
-- Outputs: one row a (UTC day, arm), oldest first: day, arm, units, crossed (units that were seen in other arms too).
--          A unit counts once: on the day of its first answer, for the arm of that answer.
with unit_arms as (
    select
        unit,
        min(cast(ts as date)) as day,
        arg_min(variant, (ts, request_id)) as arm,
        count(distinct variant) as arms
    from shown
    where
        surface = $surface
        and experiment = $experiment
        and variant is not null
        and generation >= $since_generation
    group by unit
)

select
    day,
    arm,
    count(*) as units,
    count(*) filter (where arms > 1) as crossed
from unit_arms
group by day, arm
order by day, arm
