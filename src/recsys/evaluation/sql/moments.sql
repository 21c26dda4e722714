-- What a ratio of sums over units and its cluster-robust variance need, for every mean in each slice of one key, in whole
-- numbers.
-- In: rows as of unit_sums.  Out: one row per slice: which, slice, and the named sums.
-- Holes: units (SQL of those rows), moments.
SELECT which, slice, ${moments}
FROM (${units})
GROUP BY which, slice
ORDER BY which, slice
