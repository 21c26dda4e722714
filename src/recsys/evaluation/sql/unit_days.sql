-- Each unit's sums of one UTC day: what effects by time are made of.
-- In: evaluated, scored.  Out: table unit_days(unit, arm, day, since, served, relevant, viewed, value_<n>…).
-- since: days from the unit's first assignment.  Holes: service, sums (with leading comma).
CREATE TEMP TABLE unit_days AS
SELECT e.unit, any_value(arms.arm) AS arm, e.day, any_value(e.day - arms.first_us // 86400000000) AS since,
       count(*) AS served, count_if(s.relevant) AS relevant, count_if(s.viewed) AS viewed ${service} ${sums}
FROM evaluated AS e LEFT JOIN scored AS s USING (request) JOIN arms ON arms.unit = e.unit
GROUP BY ALL
