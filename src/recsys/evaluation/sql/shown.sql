-- What can be counted of the exposures alone, in one pass: over all, per day, and per slice.
-- In: exposures.  Out: table shown(which, value, …). which: 0 all, -1 day, n the n-th slice key.
-- Holes: which, value (SQL that tells the grouping sets apart), sets.
CREATE TEMP TABLE shown AS
SELECT ${which} AS which, ${value} AS value,
       count(*) AS exposures, min(ts_us) AS first_us, max(ts_us) AS last_us,
       count_if(NOT by_user) AS not_by_users, count(unrecorded) AS know_unrecorded,
       coalesce(sum(unrecorded), 0) AS unrecorded
FROM exposures
GROUP BY GROUPING SETS (${sets})
