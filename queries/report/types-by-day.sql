-- title: Events by type and day
-- answers: How many events of each type arrived on each day.
-- cannot see: When they happened: days are those of arrival, in UTC. An event that arrives again on another
-- cannot see: day counts on both.
-- days: 7
SELECT "date", type, count(DISTINCT log_id) AS events
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
GROUP BY "date", type
ORDER BY "date" DESC, events DESC, type
