-- Purpose: how many different items some answers showed, the same ones every time.
-- Inputs:  table shown; $surface; $generations, a list; $size, how many answers are looked at.
-- Outputs: one row: items.
with some_answers as (
    select item_ids
    from shown
    where surface = $surface and list_contains($generations, generation)
    order by md5(request_id)
    limit $size
)

select count(distinct item_id) as items
from (select unnest(item_ids) as item_id from some_answers)
