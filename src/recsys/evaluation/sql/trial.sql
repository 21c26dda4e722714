-- The requests that are analysed: of users in the experiment, from their first assignment on, whatever arm served them.
-- In: exposures, arms.  Out: view evaluated, as offline evaluation has it, with first_us.
-- Holes: listed (columns of exposures), served (SQL that is true of a request served in the experiment).
CREATE OR REPLACE TEMP VIEW evaluated AS
SELECT ${listed}, exposures.items, arms.first_us
FROM exposures JOIN arms USING (unit)
WHERE by_user AND NOT excluded AND has_unit AND exposures.ts_us >= arms.first_us AND ${served}
