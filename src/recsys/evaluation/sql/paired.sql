-- Each unit's sums over its judged requests, in the order of the units' hashes: what pairs a run with a later one.
-- In: unit_served, unit_scored.  Out: served, viewed, value_<n>… one row per unit, no id.
-- Holes: values.
SELECT served, coalesce(viewed, 0) AS viewed, ${values}
FROM unit_served LEFT JOIN unit_scored USING (which, slice, unit)
WHERE which = 0
ORDER BY unit
