-- Purpose: some answers of /v1/recommend of one generation, the same ones every time. Those of /v1/similar are
--          others: their requests cannot be ranked again as recommendations.
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
    -- records from before routes were named: only a request for similar items has an item_id
    and coalesce(
        decision ->> '$.kind',
        case when json_exists(decision, '$.request.item_id') then 'similar' else 'recommend' end
    ) = 'recommend'
    and ($empty is null or (len(item_ids) = 0) = $empty)
order by md5(request_id)
limit $size
