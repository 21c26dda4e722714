-- Request ids that occur on more than one exposure row.
-- In: exposures_read.  Out: duplicates(request_id, rows).
-- Hashes are counted first because they take a quarter of the memory of the ids; the ids of equal hashes settle it.
CREATE TEMP TABLE duplicates AS
WITH suspects AS (
    SELECT hash(request_id) AS suspect FROM exposures_read GROUP BY suspect HAVING count(*) > 1
)
SELECT request_id, count(*) AS rows
FROM exposures_read
WHERE hash(request_id) IN (SELECT suspect FROM suspects)
GROUP BY request_id
HAVING count(*) > 1
