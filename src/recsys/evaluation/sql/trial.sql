-- The requests that are analysed: of users in the experiment, from their first assignment on, whatever arm served them.
-- In: served, arms.  Out: view evaluated, as offline evaluation has it, with first_us.
-- Holes: listed (columns of served).
CREATE OR REPLACE TEMP VIEW evaluated AS
SELECT ${listed}, arms.first_us
FROM served JOIN arms USING (unit)
WHERE by_user AND NOT excluded AND has_unit AND served.ts_us >= arms.first_us AND variant IS NOT NULL
