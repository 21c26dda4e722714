-- Votes of each request for each team: items somebody acted on, by who placed them: teams stand in the order of ranks.
-- Pins are nobody's.
-- In: matched, evaluated, teams_read.  Out: table votes(request_id, unit, day, candidate, control, slice_<n>…).
-- Holes: slices (columns of evaluated, with leading comma).  Parameters: event, candidate, control.
CREATE TEMP TABLE votes AS
WITH acted AS (SELECT DISTINCT request_id, item_id FROM matched WHERE reason IS NULL AND event_type = $event),
placed AS (
    SELECT a.request_id, t.teams[list_position(list_transform(list_sort(list_transform(
               e.items, lambda x: {'rank': x.rank, 'item_id': x.item_id})), lambda x: x.item_id), a.item_id)] AS team
    FROM acted AS a JOIN evaluated AS e USING (request_id) JOIN teams_read AS t USING (request_id)
)
SELECT e.request_id, e.unit, e.day ${slices},
       coalesce(v.candidate, 0) AS candidate, coalesce(v.control, 0) AS control
FROM evaluated AS e LEFT JOIN (
    SELECT request_id, count_if(team = $candidate) AS candidate, count_if(team = $control) AS control
    FROM placed GROUP BY request_id
) AS v USING (request_id)
