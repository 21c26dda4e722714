-- What ratios of sums over units need, by arm, of some of their days.
-- In: unit_days.  Out: one row per arm: arm, and the named sums.
-- Holes: sums (of the columns of values, with leading comma), moments, where (SQL over day and since).
WITH units AS (
    SELECT arm, unit, sum(served) AS served, sum(relevant) AS relevant, sum(viewed) AS viewed ${sums}
    FROM unit_days WHERE ${where} GROUP BY arm, unit
)
SELECT arm, ${moments} FROM units GROUP BY arm ORDER BY arm
