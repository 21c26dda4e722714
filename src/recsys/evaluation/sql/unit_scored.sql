-- The sum of every metric's values over each unit's requests: over all, and in each slice.
-- In: scored.  Out: table unit_scored(which, slice, unit, relevant, viewed, value_<n>…).
-- Holes: which, slice, sets as in unit_served.sql; sums.
CREATE TEMP TABLE unit_scored AS
SELECT ${which} AS which, ${slice} AS slice, unit,
       count_if(relevant) AS relevant, count_if(viewed) AS viewed, ${sums}
FROM scored
GROUP BY GROUPING SETS (${sets})
