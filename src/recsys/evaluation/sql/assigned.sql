-- Which request was served which arm of the experiment, by whom it was asked.
-- In: exposures, or assignments_read.  Out: view assigned(request_id, unit, variant, ts_us).
-- Holes: source (SQL of those columns, where the arm, the unit and a user are known).
CREATE TEMP VIEW assigned AS ${source}
