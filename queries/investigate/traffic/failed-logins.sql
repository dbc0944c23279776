-- title: Failed logins by ip
-- answers: Addresses that try many passwords or many users.
-- cannot see: Attacks spread over many addresses; credential-stuffing counts these together.
-- days: 1
-- parameter: top integer = 100 (how many addresses)
SELECT ip,
       count(DISTINCT log_id) AS failures,
       count(DISTINCT coalesce(nullif(user_id, ''), user_name)) AS users,
       count(DISTINCT CASE WHEN type = 'fu' THEN user_name END) AS unknown_users,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND type IN ('f', 'fp', 'fu', 'fepft', 'fcoa', 'limit_wc', 'limit_mu')
  AND nullif(ip, '') IS NOT NULL
GROUP BY ip
ORDER BY failures DESC, ip
LIMIT :top
