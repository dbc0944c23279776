-- title: Spikes of failures
-- answers: Hours in which failures of a type were many more than in the same hour of the seven days before.
-- cannot see: Hours are those of arrival, so a log stream that catches up makes spikes. With less than a week
-- cannot see: of events before it, an hour has too low a usual number: see days_with_any.
-- days: 1
-- parameter: events integer = 10 (fewer failures in an hour are no spike)
-- parameter: times integer = 3 (so many times the usual number are a spike)
WITH hourly AS (
  SELECT "date", "hour", type, count(DISTINCT log_id) AS events
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date - INTERVAL '7' DAY AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND regexp_like(type, '^f|fail|limit|leak|reject|error')
    AND NOT regexp_like(type, '(completed|succeeded)$')
  GROUP BY "date", "hour", type
),
compared AS (
  SELECT h."date", h."hour", h.type, h.events,
         coalesce(sum(b.events), 0) AS events_before,
         count(b.events) AS days_with_any
  FROM hourly h
  LEFT JOIN hourly b
    ON b.type = h.type AND b."hour" = h."hour"
    AND b."date" >= h."date" - INTERVAL '7' DAY AND b."date" < h."date"
  WHERE h."date" >= :from_date
    AND (h."date" > :from_date OR h."hour" >= :from_hour)
  GROUP BY h."date", h."hour", h.type, h.events
)
SELECT "date", "hour", type, events,
       events_before / 7 AS usual,
       days_with_any
FROM compared
WHERE events >= :events
  AND events * 7 >= :times * events_before
ORDER BY "date" DESC, "hour" DESC, events DESC, type
