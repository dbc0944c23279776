-- title: New ips of administrators
-- answers: Addresses that an administrator or machine used for the Management API, but not in 30 days before.
-- cannot see: Only changes and reads of secrets are logged, so an address may have been used before for other
-- cannot see: reads. All addresses of a new administrator are new, and so are most if fewer than 30 days of
-- cannot see: events are stored.
-- days: 1
SELECT ip, who,
       max(mail) AS mail,
       array_join(array_sort(array_agg(DISTINCT channel)), ' ') AS channels,
       array_join(array_sort(array_agg(DISTINCT client_id)), ' ') AS clients,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       count(DISTINCT log_id) AS operations
FROM (
  SELECT "date", "hour", "timestamp", log_id, ip, client_id,
         coalesce(json_extract_scalar(details, '$.request.auth.user.user_id'),
                  nullif(user_id, ''),
                  client_id) AS who,
         json_extract_scalar(details, '$.request.auth.user.email') AS mail,
         json_extract_scalar(details, '$.request.channel') AS channel
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date - INTERVAL '30' DAY AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('sapi', 'mgmt_api_read')
    AND nullif(ip, '') IS NOT NULL
)
GROUP BY ip, who
HAVING count_if("date" < :from_date OR ("date" = :from_date AND "hour" < :from_hour)) = 0
ORDER BY first_seen, ip, who
