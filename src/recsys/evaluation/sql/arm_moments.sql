-- What ratios of sums over units need, by arm, for every mean and slice, in whole numbers.
-- In: unit_served, unit_scored, arms.  Out: one row per arm and slice: arm, which, slice, and the named sums.
-- Holes: moments, service (columns of unit_served, with leading comma), where (SQL over arms and which).
WITH units AS (
    SELECT arm, which, slice, unit, served, coalesce(relevant, 0) AS relevant, coalesce(viewed, 0) AS viewed,
           unit_scored.* EXCLUDE (which, slice, unit, relevant, viewed) ${service}
    FROM unit_served LEFT JOIN unit_scored USING (which, slice, unit) JOIN arms USING (unit)
    WHERE ${where}
)
SELECT arm, which, slice, ${moments}
FROM units
GROUP BY arm, which, slice
ORDER BY arm, which, slice
