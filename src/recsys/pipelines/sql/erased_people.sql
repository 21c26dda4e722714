-- The numbers of erased users: what kept days know them by.
-- In: erased_names.  Out: who BIGINT.  Holes: who (the number of name).
SELECT ${who} AS who
FROM erased_names
