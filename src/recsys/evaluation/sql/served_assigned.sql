-- The exposures with the unit and the arm that the assignments know of them: theirs come first.
-- In: exposures, assigned.  Out: view served, with the columns of exposures.
CREATE TEMP VIEW served AS
SELECT exposures.* EXCLUDE (unit, has_unit, variant), coalesce(given.unit, exposures.unit) AS unit,
       given.unit IS NOT NULL OR has_unit AS has_unit, coalesce(given.variant, exposures.variant) AS variant
FROM exposures LEFT JOIN (
    SELECT request_id, any_value(unit) AS unit, arg_min(variant, ts_us) AS variant FROM assigned GROUP BY request_id
) AS given USING (request_id)
