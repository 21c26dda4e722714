-- Each request somebody acted on: its value for every metric, as an integer.
-- In: acted.  Out: table scored(request, unit, relevant, viewed, slice_<n>…, value_<n>…).
-- Holes: columns and any_slices (the slice columns, and one of each), values (SQL of each metric over found, ideal,
-- viewed, clicked, converted, revenue).
-- A place in the list is packed as rank * 256 + grade while it is gathered: numbers are gathered much faster than pairs.
CREATE TEMP TABLE scored AS
WITH placed AS (
    SELECT *, CASE WHEN rank IS NOT NULL AND grade > 0 THEN rank::BIGINT * 256 + grade END AS place FROM acted
),
requests AS (
    SELECT request, unit, CASE WHEN place IS NULL THEN [] ELSE [place] END AS places,
           CASE WHEN grade > 0 THEN [grade] ELSE [] END AS ideal, viewed, clicked, converted, revenue_millionths
           ${columns}
    FROM placed WHERE alone
    UNION ALL
    SELECT request, any_value(unit), list_sort(coalesce(list(place) FILTER (place IS NOT NULL), [])),
           list_reverse_sort(coalesce(list(grade) FILTER (grade > 0), [])),
           bool_or(viewed), bool_or(clicked), bool_or(converted), sum(revenue_millionths)
           ${any_slices}
    FROM placed WHERE NOT alone
    GROUP BY request
),
listed AS (
    SELECT * EXCLUDE (places, revenue_millionths), revenue_millionths / 1000000 AS revenue,
           list_transform(places, lambda place: {'rank': place // 256, 'grade': place % 256}) AS found
    FROM requests
)
SELECT request, unit, len(ideal) > 0 AS relevant, viewed ${columns}, ${values}
FROM listed
