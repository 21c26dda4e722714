-- Purpose: one stretch of the events of a synthetic shop. Each row is worked out from its own number alone, so that a
-- stretch is the same whoever makes it, with any number of threads.
-- In: stretch, the numbers of the events (n BIGINT).
-- Out: one row an event, as interaction.v1 has it; about in the order of time.
-- Holes: total (events of all stretches), salt (of the
-- seed), days, start
-- (the first day), users, items, topics, anonymous, followed (shares, in 2**-16).
--
-- Forty events in a row are thirteen sessions, of 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 6 and 10 events.
WITH numbered AS (
    SELECT
        n,
        (n // 40) * 13
        + [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11, 11, 11,
            12, 12, 12, 12, 12, 12, 12, 12, 12, 12][1 + n % 40] AS session,
        [0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5,
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9][1 + n % 40] AS step
    FROM stretch
),

-- 64 bits of chance each: two for the session, two for the event.
thrown AS (
    SELECT
        n,
        session,
        step,
        hash(${salt} + 8 * session) AS a,
        hash(${salt} + 8 * session + 1) AS b,
        hash(${salt} + 8 * n + 2) AS c,
        hash(${salt} + 8 * n + 3) AS d
    FROM numbered
),

-- Some users come often: the number falls with the power 1.5. The hours of a day rise to noon and fall again.
drawn AS (
    SELECT
        n,
        session,
        (a >> 32) % 65536 < ${anonymous} AS nameless,
        CAST(floor(${users} * pow((a % 4294967296) / 4294967296.0, 1.5)) AS BIGINT) AS person,
        (a >> 48) % 2 = 0 AS usual,
        CAST(floor(${topics} * pow((b >> 48) / 65536.0, 2)) AS BIGINT) AS todays_topic,
        DATE '${start}' + CAST(n // 40 * 40 * ${days} // ${total} AS INTEGER) AS day,
        CAST(floor(84000 * ((b % 65536) + ((b >> 16) % 65536)) / 131072.0) AS BIGINT) AS second,
        step * 60000000 + (d >> 32) % 60000000 AS microsecond,
        (c >> 32) % 65536 < 45875 AS on_topic,
        (c % 4294967296) / 4294967296.0 AS luck,
        (c >> 48) / 65536.0 AS deed,
        d % 65536 < ${followed} AS followed,
        (d >> 16) % 4 = 0 AS at_home,
        c,
        d
    FROM thrown
),

-- Seven of ten events lie in the topic of the session; within a topic, how often an item comes falls with its place, as
-- Zipf has it.
placed AS (
    SELECT
        *,
        CASE
            WHEN NOT on_topic THEN CAST(d >> 40 AS BIGINT) % ${topics}
            WHEN usual THEN person * 2654435761 % ${topics}
            ELSE todays_topic
        END AS topic,
        CAST(floor(pow(${items} // ${topics}, luck)) AS BIGINT) - 1 AS place
    FROM drawn
)

SELECT
    CAST(day AS TIMESTAMP) + to_seconds(second) + to_microseconds(CAST(microsecond AS BIGINT)) AS ts,
    printf('item-%07d', place * ${topics} + topic) AS item_id,
    CASE
        WHEN followed THEN CASE WHEN deed < 0.9 THEN 'click' ELSE 'conversion' END
        WHEN deed < 0.8 THEN 'view'
        WHEN deed < 0.95 THEN 'add_to_cart'
        ELSE 'purchase'
    END AS event_type,
    CASE WHEN at_home OR followed THEN 'home' ELSE 'pdp' END AS surface,
    CASE WHEN NOT nameless THEN 'user-' || person END AS user_id,
    CASE WHEN nameless THEN 'browser-' || person END AS anonymous_id,
    'session-' || session AS session_id,
    CASE WHEN followed THEN format('{:016x}', hash(${salt} + 8 * session + 4)) END AS request_id,
    format('{:016x}{:016x}', c, d) AS event_id
FROM placed
