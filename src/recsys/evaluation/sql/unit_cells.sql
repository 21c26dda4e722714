-- The sums of each unit, over its judged requests in each combination of slices: how many there were, and every
-- metric's values. A unit has up to two rows a combination, of what was served and of what was acted on.
-- In: evaluated, scored.  Out: table unit_cells(unit, slice_<n>…, served, relevant, viewed, value_<n>…).
-- Holes: keys (unit and the slice columns); served, scored (the sums of values of requests as they were served and as they
-- were acted on, with leading comma; 0 where the other one says it).
-- A unit's sum fits 64 bits: 10^10 a request leaves room for 9·10^8 requests of one unit.
CREATE TEMP TABLE unit_cells AS
SELECT ${keys}, count(*) AS served, 0 AS relevant, 0 AS viewed ${served}
FROM evaluated GROUP BY ${keys}
UNION ALL
SELECT ${keys}, 0, count_if(relevant), count_if(viewed) ${scored}
FROM scored GROUP BY ${keys}
