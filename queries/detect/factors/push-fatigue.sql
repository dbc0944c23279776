-- title: Push fatigue
-- answers: Users who were sent many push notifications, or rejected several, hour by hour.
-- cannot see: Whether the user gave in at last: look for gd_auth_succeed of the same user. Few, well placed
-- cannot see: pushes stay below the threshold.
-- parameter: pushes integer = 10 (so many push notifications to one user in an hour)
-- parameter: rejections integer = 3 (or so many that the user rejected)
-- level: high
-- types: gd_send_pn, gd_auth_rejected
-- reference: e675f02e-716c-11f0-8602-723487b9527c
SELECT 'push-fatigue' AS rule,
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
  AND type IN ('gd_send_pn', 'gd_auth_rejected')
  AND "timestamp" LIKE '____-__-__T%'
  AND coalesce(nullif(user_id, ''), user_name) <> ''
GROUP BY coalesce(nullif(user_id, ''), lower(user_name)), substr("timestamp", 1, 13)
HAVING count(DISTINCT CASE WHEN type = 'gd_send_pn' THEN log_id END) >= :pushes
    OR count(DISTINCT CASE WHEN type = 'gd_auth_rejected' THEN log_id END) >= :rejections
ORDER BY "window", entity
