-- Popularity: distinct user-days of each item, weighted by what was done and decayed by age.
--
-- Reads
--   events         day INTEGER, item INTEGER, who BIGINT, event_type VARCHAR, request BIGINT (NULL: not after our answer)
--   exposures      item INTEGER, rank INTEGER, request BIGINT; one row per item shown
--   decays         day INTEGER, decay BIGINT            in 2**-20
--   event_weights  event_type VARCHAR, weight BIGINT    in 1/100
--   factors        recommended BOOLEAN, factor BIGINT   in 1/100
--   examinations   rank INTEGER, examination BIGINT     in 2**-16; the deepest rank stands for all below it
-- Returns one row per item with a vote, and per item shown: what nobody wanted tells the mean of the rates too
--   item INTEGER, score DOUBLE (a whole number), votes BIGINT, shown BIGINT, examined BIGINT, outcomes BIGINT
-- Everything that is summed is an integer, so neither order nor number of threads shows in the result.

-- One vote per user, item and day: the worthiest deed counts. A row depends on the events of its day alone.
-- step: daily
SELECT v.item, v.day, CAST(sum(v.vote) AS BIGINT) AS vote, count(*) AS votes
FROM (
    SELECT e.item, e.day, e.who, max(w.weight * f.factor) AS vote
    FROM events AS e
    INNER JOIN event_weights AS w ON w.event_type = e.event_type
    INNER JOIN factors AS f ON f.recommended = (e.request IS NOT NULL)
    WHERE w.weight * f.factor > 0
    GROUP BY e.item, e.day, e.who
) AS v
GROUP BY v.item, v.day

-- step: result
WITH
scores AS (
    SELECT
        s.item,
        sum(CAST(s.vote AS DECIMAL(38, 0)) * d.decay) AS score,
        sum(s.votes) AS votes
    FROM daily AS s
    INNER JOIN decays AS d ON d.day = s.day
    GROUP BY s.item
),

shown AS (
    SELECT x.item, count(*) AS shown, sum(l.examination) AS examined
    FROM exposures AS x
    CROSS JOIN (SELECT max(rank) AS rank FROM examinations) AS d
    INNER JOIN examinations AS l ON l.rank = least(x.rank, d.rank)
    GROUP BY x.item
),

-- An outcome counts once per list and item, and only for an item that list showed.
outcomes AS (
    SELECT o.item, count(*) AS outcomes
    FROM (
        SELECT DISTINCT e.request, e.item
        FROM events AS e
        INNER JOIN event_weights AS w ON w.event_type = e.event_type
        WHERE e.request IS NOT NULL AND w.weight > 0
    ) AS o
    INNER JOIN (SELECT DISTINCT request, item FROM exposures) AS x ON x.request = o.request AND x.item = o.item
    GROUP BY o.item
)

SELECT
    i.item,
    CAST(coalesce(s.score, 0) AS DOUBLE) AS score,
    CAST(coalesce(s.votes, 0) AS BIGINT) AS votes,
    CAST(coalesce(x.shown, 0) AS BIGINT) AS shown,
    CAST(coalesce(x.examined, 0) AS BIGINT) AS examined,
    CAST(coalesce(o.outcomes, 0) AS BIGINT) AS outcomes
FROM (SELECT item FROM scores UNION SELECT item FROM shown) AS i
LEFT JOIN scores AS s ON s.item = i.item
LEFT JOIN shown AS x ON x.item = i.item
LEFT JOIN outcomes AS o ON o.item = i.item
