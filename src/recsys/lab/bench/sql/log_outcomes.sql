-- Purpose: one stretch of the outcomes of a synthetic log, as outcome.v1 has them, about in the order of time.
-- In: the macros of log_words.sql; stretch, the numbers of the rows (n BIGINT).  Out: one row an outcome.
-- Holes: salt, items (of a list), acted (how many requests are
-- acted on), exposures (how many there are).
-- Six outcomes in a row are of five requests: a click in each, and in the fifth a conversion of the next place too.
-- In every hundredth such row the first click is of no exposure, the second on an item that was not shown, the third
-- after two days. recsys.lab.bench.log.truth says what that comes to.
WITH numbered AS (
    SELECT n, n // 6 AS visit, n % 6 AS step FROM stretch
),
placed AS (
    SELECT n, visit, step, step = 5 AS bought, visit % 100 = 99 AS odd,
           -- The requests that are acted on lie evenly among all.
           (visit * 5 + least(step, 4)) * ${exposures} // ${acted} AS exposure,
           1 + (visit + step) % ${items} AS place
    FROM numbered
)
SELECT CASE WHEN odd AND step = 0 THEN 'none-' || n::VARCHAR ELSE log_request(exposure) END AS request_id,
       CASE WHEN odd AND step = 1 THEN 'elsewhere' ELSE log_item(log_first(exposure), place) END AS item_id,
       CASE WHEN bought THEN 'conversion' ELSE 'click' END AS event_type,
       make_timestamptz(log_us(exposure) + 5000000 * place + CASE WHEN odd AND step = 2 THEN 172800000000 ELSE 0 END)
           AS ts,
       CASE WHEN bought THEN (500 + hash(${salt} + n) % 20000) / 100.0 END AS value,
       log_surface(exposure) AS surface,
       md5('outcome' || (${salt} + n)::VARCHAR) AS event_id
FROM placed
