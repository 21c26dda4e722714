-- Purpose: the newest requests of /v1/recommend, whatever generation answered them, every surface in turn.
-- Inputs:  table shown; $surface (null for every surface); $size.
-- Outputs: request_id, decision.
with asked as (
    select
        request_id,
        cast(decision as varchar) as decision,
        row_number() over (partition by surface order by ts desc, request_id) as turn,
        surface
    from shown
    where
        ($surface is null or surface = $surface)
        and decision is not null
        -- records from before routes were named: only a request for similar items has an item_id
        and coalesce(
            decision ->> '$.kind',
            case when json_exists(decision, '$.request.item_id') then 'similar' else 'recommend' end
        ) = 'recommend'
)

select
    request_id,
    decision
from asked
order by turn, surface
limit $size
