-- Purpose: how many outcomes find the answer they belong to.
-- Inputs:  tables shown, acted.
-- Outputs: one row: exposures, outcomes, matched outcomes.
select
    (select count(*) from shown) as exposures,
    count(*) as outcomes,
    count(shown.request_id) as matched
from acted
left join shown on acted.request_id = shown.request_id
