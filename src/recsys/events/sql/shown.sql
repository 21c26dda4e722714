-- Purpose: one row an answer that users were given, once per request id (files are shipped at least once).
-- Inputs:  {exposures} exposure.v1 lines; {since_s} the first moment that counts, seconds since 1970; {decision} what
--          is kept of decision records.
-- Outputs: table shown(request_id, ts, surface, generation, rung, unit, item_ids, latency_ms, decision, host,
--          experiment, variant, unit_type); `host` is told by the name of the file.
create table shown as
select distinct on (request_id)
    request_id,
    ts,
    context['surface'] as surface,
    cast(context['generation'] as bigint) as generation,
    coalesce(context['rung'], 'live') as rung,
    coalesce(context['unit_id'], user_id, request_id) as unit,
    list_transform(items, lambda shown_item : shown_item.item_id) as item_ids,
    latency_ms,
    {decision} as decision,
    regexp_extract(filename, '([^/]+?)(-worker)?-[0-9]+-[0-9]+\.jsonl$', 1) as host,
    context['experiment_id'] as experiment,
    context['experiment_variant'] as variant,
    context['unit_type'] as unit_type
from {exposures}
where ts >= make_timestamp(cast({since_s} as bigint) * 1000000) and coalesce(context['traffic'], 'user') = 'user'
order by request_id, ts
