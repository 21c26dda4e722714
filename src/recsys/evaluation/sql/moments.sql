-- What a ratio of sums over units and its cluster-robust variance need, for every mean and slice, in whole numbers.
-- In: unit_served, unit_scored.  Out: one row per slice: which, slice, and the named sums.
-- Holes: moments, service (columns of unit_served, with leading comma).
WITH units AS (
    SELECT which, slice, unit, served, coalesce(relevant, 0) AS relevant, coalesce(viewed, 0) AS viewed,
           unit_scored.* EXCLUDE (which, slice, unit, relevant, viewed) ${service}
    FROM unit_served LEFT JOIN unit_scored USING (which, slice, unit)
)
SELECT which, slice, ${moments}
FROM units
GROUP BY which, slice
ORDER BY which, slice
