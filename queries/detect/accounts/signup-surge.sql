-- title: Signup surge
-- answers: Addresses that tried to create many accounts, or tried leaked passwords at signup, hour by hour.
-- cannot see: Signups spread over many addresses. Many people behind one address look alike.
-- parameter: signups integer = 20 (so many signups, successful or not, of one address in an hour)
-- parameter: leaked integer = 5 (or so many signups with a leaked password)
-- parameter: allowed_ips list = [] (addresses that are never reported)
-- level: medium
-- types: ss, fs, signup_pwd_leak
-- reference: 3a9be414-716e-11f0-8153-723487b9527c
SELECT 'signup-surge' AS rule,
       ip AS entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND type IN ('ss', 'fs', 'signup_pwd_leak')
  AND coalesce(json_extract_scalar(details, '$.body.is_signup'), 'true') = 'true'
  AND "timestamp" LIKE '____-__-__T%'
  AND ip <> ''
  AND NOT json_array_contains(:allowed_ips, ip)
GROUP BY ip, substr("timestamp", 1, 13)
HAVING count(DISTINCT CASE WHEN type IN ('ss', 'fs') THEN log_id END) >= :signups
    OR count(DISTINCT CASE WHEN type = 'signup_pwd_leak' THEN log_id END) >= :leaked
ORDER BY "window", entity
