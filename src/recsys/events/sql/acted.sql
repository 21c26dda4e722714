-- Purpose: one row an outcome, once per event id.
-- Inputs:  {outcomes} outcome.v1 lines; {since_s} the first moment that counts, seconds since 1970.
-- Outputs: table acted(request_id, item_id, event_type, ts).
create table acted as
select distinct on (coalesce(event_id, concat_ws('/', request_id, item_id, event_type, cast(ts as varchar))))
    request_id,
    item_id,
    event_type,
    ts
from {outcomes}
where ts >= make_timestamp(cast({since_s} as bigint) * 1000000)
order by coalesce(event_id, concat_ws('/', request_id, item_id, event_type, cast(ts as varchar))), ts
