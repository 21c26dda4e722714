-- Purpose: what users took of some answers.
-- Inputs:  table acted; $request_ids, a list.
-- Outputs: request_id, item_ids.
select
    request_id,
    list(distinct item_id) as item_ids
from acted
where list_contains($request_ids, request_id) and event_type in ('click', 'conversion') and item_id is not null
group by request_id
order by request_id
