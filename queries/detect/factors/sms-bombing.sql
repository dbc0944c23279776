-- title: SMS bombing
-- answers: Users to whom many second-factor text messages or calls were sent, hour by hour.
-- cannot see: Messages to many users, few to each. Codes of passwordless logins are not counted.
-- parameter: messages integer = 10 (so many messages or calls to one user in an hour)
-- parameter: allowed_users list = [] (users, by user_id, that are never reported, such as those of tests)
-- level: medium
-- types: gd_send_sms, gd_send_voice
-- reference: 74a1ddea-7172-11f0-ace0-723487b9527c
SELECT 'sms-bombing' AS rule,
       coalesce(nullif(user_id, ''), lower(user_name)) AS entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND type IN ('gd_send_sms', 'gd_send_voice')
  AND "timestamp" LIKE '____-__-__T%'
  AND coalesce(nullif(user_id, ''), user_name) <> ''
  AND NOT json_array_contains(:allowed_users, coalesce(user_id, ''))
GROUP BY coalesce(nullif(user_id, ''), lower(user_name)), substr("timestamp", 1, 13)
HAVING count(DISTINCT log_id) >= :messages
ORDER BY "window", entity
