-- What can be counted of the exposures alone: over all, per day, and per slice.
-- In: exposures.  Out: table shown(which, value, …). which: 0 all, -1 day, n the n-th slice key.
-- Holes: cells (day and the slice columns), which, value (SQL that tells the grouping sets apart), sets.
-- Requests are counted per cell, and cells added up: they are few.
CREATE TABLE shown AS
WITH cells AS (
    SELECT ${cells}, count(*) AS exposures, min(ts_us) AS first_us, max(ts_us) AS last_us,
           count_if(NOT by_user) AS not_by_users, count(unrecorded) AS know_unrecorded,
           coalesce(sum(unrecorded), 0) AS unrecorded
    FROM exposures GROUP BY ${cells}
)
SELECT ${which} AS which, ${value} AS value,
       sum(exposures)::BIGINT AS exposures, min(first_us) AS first_us, max(last_us) AS last_us,
       sum(not_by_users)::BIGINT AS not_by_users, sum(know_unrecorded)::BIGINT AS know_unrecorded,
       sum(unrecorded) AS unrecorded
FROM cells
GROUP BY GROUPING SETS (${sets})
