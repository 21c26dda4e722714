-- Purpose: one stretch of the exposures of a synthetic log, as exposure.v1 has them, in the order of time.
-- In: the macros of log_words.sql; stretch, the numbers of the rows (n BIGINT).  Out: one row an exposure.
-- Holes: salt, users, items (of a list), segments, countries, of_item and of_context (SQL of what a mode asks for besides,
-- in each item and in the context, with leading comma).
-- A user has one segment and one country; some users come often: the number falls with the power 1.5.
WITH drawn AS (
    SELECT n, floor(${users} * pow((hash(${salt} + 4 * n + 2) >> 11) / 9007199254740992.0, 1.5))::BIGINT AS person,
           hash(${salt} + 4 * n + 3) AS luck,
           log_first(n) AS first
    FROM stretch
)
SELECT log_request(n) AS request_id,
       make_timestamptz(log_us(n)) AS ts,
       'user-' || person::VARCHAR AS user_id,
       list_transform(
           range(1, ${items} + 1),
           lambda place: {'item_id': log_item(first, place), 'rank': place ${of_item}}
       ) AS items,
       MAP {
           'surface': log_surface(n),
           'segment': 'segment-' || (hash(person + ${salt}) % ${segments})::VARCHAR,
           'country': 'country-' || (hash(person + ${salt} + 1) % ${countries})::VARCHAR ${of_context}
       } AS context,
       -- Most answers take some milliseconds, a few take a hundred times as long.
       round(5 / (1 - 0.99 * (luck % 1000000) / 1000000.0), 3) AS latency_ms
FROM drawn
