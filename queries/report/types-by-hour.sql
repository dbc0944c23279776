-- title: Events by type and hour
-- answers: How many events of each type arrived in each hour.
-- cannot see: When they happened: hours are those of arrival, in UTC. An event that arrives again in another
-- cannot see: hour counts in both.
-- days: 1
SELECT "date", "hour", type, count(DISTINCT log_id) AS events
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
GROUP BY "date", "hour", type
ORDER BY "date" DESC, "hour" DESC, events DESC, type
