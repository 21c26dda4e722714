-- The lists that were shown to bots or to the shop's own staff, of any day: what followed them is no choice of a user's.
-- In: staged_exposures, earlier_others.  Out: request.
SELECT request
FROM staged_exposures
WHERE verdict = 0 AND NOT by_user AND request IS NOT NULL
UNION
SELECT request
FROM earlier_others
