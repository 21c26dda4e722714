-- Purpose: questions with known answers, from days no artifact has seen: what a user asked for on the old shop's list,
--          what they had done before, and what they went on to do.
-- Inputs:  {exposures}, {interactions}: JSONL of the simulated shop; {start_s}: the first held-out moment, seconds
--          since 1970; {requests}: how many requests, the same ones every time.
-- Outputs: tables asked(request_id, ts, user_id, surface, exposure), before(request_id, history), after(request_id, item_id, ts).
create table acted as
select coalesce(anonymous_id, user_id) as person, user_id, item_id, event_type, cast(ts as timestamp) as ts
from read_json('{interactions}', format = 'newline_delimited', columns = {{
    ts: 'VARCHAR', item_id: 'VARCHAR', event_type: 'VARCHAR', user_id: 'VARCHAR', anonymous_id: 'VARCHAR'
}});

create table asked as
select request_id, cast(ts as timestamp) as ts, context['unit_id'] as person, context['surface'] as surface, line as exposure
from (
    select
        json as line,
        json ->> 'request_id' as request_id,
        json ->> 'ts' as ts,
        cast(json -> 'context' as map(varchar, varchar)) as context
    from read_ndjson_objects('{exposures}')
)
where cast(ts as timestamp) >= make_timestamp(cast({start_s} as bigint) * 1000000) and context['surface'] = '{surface}'
order by md5(request_id)
limit {requests};

create table before as
select asked.request_id, list(acted.item_id order by acted.ts desc, acted.item_id)[:20] as history
from asked
inner join acted on asked.person = acted.person and acted.ts < asked.ts
group by asked.request_id;

create table after as
select distinct on (asked.request_id, acted.item_id)
    asked.request_id, asked.ts as asked_at, acted.item_id, acted.user_id, acted.ts
from asked
inner join acted on asked.person = acted.person and acted.ts > asked.ts and acted.ts < asked.ts + interval 24 hour
order by asked.request_id, acted.item_id, acted.ts;
