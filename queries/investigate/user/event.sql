-- title: One event, whole
-- answers: Every field of one event, also those without a column.
-- cannot see: Events that arrived outside the span. An event that was delivered twice has two rows.
-- days: 30
-- parameter: log_id text (the event's log_id)
SELECT *
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND log_id = :log_id
ORDER BY "date", "hour"
