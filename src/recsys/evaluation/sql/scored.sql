-- Each request somebody acted on: its value for every metric, as an integer.
-- In: acted.  Out: table scored(request_id, unit, relevant, viewed, slice_<n>…, value_<n>…).
-- Holes: slices, values (SQL of each metric over found, ideal, viewed, clicked, converted, revenue).
CREATE TEMP TABLE scored AS
WITH requests AS (
    SELECT request_id, any_value(unit) AS unit,
           list_sort(coalesce(list({'rank': rank, 'grade': grade}) FILTER (rank IS NOT NULL AND grade > 0), [])) AS found,
           list_reverse_sort(coalesce(list(grade) FILTER (grade > 0), [])) AS ideal,
           bool_or(viewed) AS viewed, bool_or(clicked) AS clicked, bool_or(converted) AS converted,
           sum(revenue_millionths) / 1000000 AS revenue
           ${slices}
    FROM acted
    GROUP BY request_id
)
SELECT request_id, unit, len(ideal) > 0 AS relevant, viewed ${columns}, ${values}
FROM requests
