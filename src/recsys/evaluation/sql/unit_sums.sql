-- The same sums of each unit, over all its judged requests or in each slice of one key.
-- In: unit_cells.  Out: rows of unit_sums(which, slice, unit, served, relevant, viewed, value_<n>…). which says which slice
-- key; 0 is all.
-- Holes: which, slice (SQL of both), keys (unit, and the slice column), sums (with leading comma).
SELECT ${which} AS which, ${slice} AS slice, unit, sum(served)::BIGINT AS served, sum(relevant)::BIGINT AS relevant,
       sum(viewed)::BIGINT AS viewed ${sums}
FROM unit_cells
GROUP BY ${keys}
