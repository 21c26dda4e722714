-- Each unit's sums over its judged requests, in the order of the units' hashes: what pairs a run with a later one.
-- In: unit_totals.  Out: served, viewed, value_<n>… one row per unit, no id.
-- Holes: values.
SELECT served, viewed, ${values}
FROM unit_totals
ORDER BY unit
