-- What ratios of sums over units need, by arm, for every mean and slice, in whole numbers.
-- In: unit_sums, arms.  Out: one row per arm and slice: arm, which, slice, and the named sums.
-- Holes: moments, where (SQL over arms and which).
SELECT arm, which, slice, ${moments}
FROM unit_sums JOIN arms USING (unit)
WHERE ${where}
GROUP BY arm, which, slice
ORDER BY arm, which, slice
