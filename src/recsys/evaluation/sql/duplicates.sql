-- Request ids that occur on more than one exposure row.
-- In: joined, exposures_read.  Out: duplicates(request_id, rows).
-- Hashes are counted first: they are at hand, and the file is read again only when some are equal.
CREATE TABLE duplicates AS
WITH suspects AS MATERIALIZED (
    SELECT request FROM joined WHERE first GROUP BY request HAVING count(*) > 1
)
SELECT request_id, count(*) AS rows
FROM exposures_read
WHERE hash(request_id) IN (SELECT request FROM suspects)
GROUP BY request_id
HAVING count(*) > 1
