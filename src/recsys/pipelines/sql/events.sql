-- Canonical events of the days that are read.
-- In: staged, people, others_lists, kept_events.
-- Out: dt DATE, ts, item_id, event_type, who, basket, surface, segment, request, event, is_user.
-- Holes: inside (the condition on ts of the days read), event (the number of an event's id, or NULL where no day is kept).
-- A basket is a session, or without one a user's day. Without any id a session stands for its user. A `view` with a
-- request id says that one of our lists was looked at; it is no choice of the user's and is left out. So is what
-- followed a list that a bot or the shop's own staff was shown. A source that tells only what is new adds to its days.
SELECT
    CAST(s.ts AS DATE) AS dt,
    s.ts,
    s.item_id,
    s.event_type,
    coalesce(p.who, s.session) AS who,
    coalesce(s.session, datediff('day', DATE '1970-01-01', s.ts)) AS basket,
    s.surface,
    s.segment,
    s.request,
    ${event} AS event,
    s.is_user
FROM staged AS s
LEFT JOIN people AS p ON p.actor = s.actor AND p.hashed = s.hashed
WHERE
    s.verdict = 0
    AND ${inside}
    AND NOT (s.event_type = 'view' AND s.request IS NOT NULL)
    AND (s.actor IS NOT NULL OR s.session IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM others_lists AS o WHERE o.request = s.request)
UNION ALL
SELECT
    CAST(k.ts AS DATE) AS dt,
    k.ts,
    k.item_id,
    k.event_type,
    k.who,
    k.basket,
    k.surface,
    k.segment,
    k.request,
    k.event,
    k.is_user
FROM kept_events AS k
