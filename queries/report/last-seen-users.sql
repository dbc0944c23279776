-- title: When each user was seen last
-- answers: The last event of each user, of any type, the longest ago first.
-- cannot see: Users without an event in the span. Events of which Auth0 gives only the user's name do not
-- cannot see: count.
-- days: 30
SELECT user_id,
       max_by(user_name, "timestamp" || log_id) AS user_name,
       max("timestamp") AS last_seen,
       max_by(type, "timestamp" || log_id) AS last_type,
       max_by(ip, "timestamp" || log_id) AS last_ip,
       count(DISTINCT log_id) AS events
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND nullif(user_id, '') IS NOT NULL
  AND "timestamp" LIKE '20%'
GROUP BY user_id
ORDER BY last_seen, user_id
