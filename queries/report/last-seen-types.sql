-- title: When each type of event was seen last
-- answers: The first and last event of each type, the newest first, and on which day one arrived last.
-- cannot see: Types that the log stream's filter leaves out.
-- days: 30
SELECT type,
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       max("date") AS last_arrived
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
GROUP BY type
ORDER BY last_seen DESC NULLS LAST, type
