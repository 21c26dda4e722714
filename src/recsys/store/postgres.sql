-- The log in PostgreSQL: one row a record, and the store that the database belongs to.
-- In: nothing. Out: nothing. Run at every first connection; does nothing when it was run before.
create table if not exists recsys_store (
    one boolean primary key default true check (one),
    id text not null
);

create table if not exists recsys_log (
    log text not null,
    stream text not null,
    number bigint not null check (number > 0),
    data bytea not null,
    primary key (log, stream, number)
);
