-- How many judged requests each unit made: over all, and in each slice.
-- In: evaluated.  Out: table unit_served(which, slice, unit, served). which says which slice key; 0 is all.
-- Holes: sums (of how requests were answered, with leading comma); which, slice (SQL that tells the grouping sets apart), sets.
CREATE TEMP TABLE unit_served AS
SELECT ${which} AS which, ${slice} AS slice, unit, count(*) AS served ${sums}
FROM evaluated
GROUP BY GROUPING SETS (${sets})
