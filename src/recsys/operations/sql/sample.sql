-- Purpose: some answers of one generation, the same ones every time.
-- Inputs:  table shown; $surface, $generation; $empty (true, false, or null for both); $size.
-- Outputs: request_id, item_ids, decision.
select
    request_id,
    item_ids,
    cast(decision as varchar) as decision
from shown
where
    surface = $surface
    and generation = $generation
    and decision is not null
    and ($empty is null or (len(item_ids) = 0) = $empty)
order by md5(request_id)
limit $size
