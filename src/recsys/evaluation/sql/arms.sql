-- Each unit of the experiment and its arm: the one it was first given. Of several at one moment the smallest request id.
-- In: assigned.  Out: table arms(unit, arm, first_us, variants).  variants: how many arms the unit was seen in.
CREATE TEMP TABLE arms AS
SELECT unit, arg_min(variant, {'ts': ts_us, 'request': request_id}) AS arm, min(ts_us) AS first_us,
       count(DISTINCT variant) AS variants
FROM assigned
GROUP BY unit
