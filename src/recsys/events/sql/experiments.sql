-- Purpose: which experiments and candidates answers of a surface took part in.
-- Inputs:  table shown; $surface.
-- Outputs: one row an experiment, the one with most answers first: experiment, variants, unit_type, answers.
select
    experiment,
    list(distinct variant order by variant) as variants,
    coalesce(any_value(unit_type), 'anonymous_id') as unit_type,
    count(*) as answers
from shown
where surface = $surface and experiment is not null and variant is not null
group by experiment
order by answers desc, experiment
