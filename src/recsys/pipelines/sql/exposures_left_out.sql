-- How many good exposures are not among the canonical ones, by reason.
-- In: staged_exposures.  Out: one row.  Holes: window (the condition on ts of the whole window).
SELECT
    count(*) FILTER (NOT by_user) AS exposures_not_by_users,
    count(*) FILTER (by_user AND NOT (${window})) AS exposures_outside_window
FROM staged_exposures
WHERE verdict = 0
