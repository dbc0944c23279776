-- title: Credential stuffing
-- answers: Addresses from which many logins of many users failed or were blocked, hour by hour.
-- cannot see: An attack of fewer attempts from each address; lower attempts where that many never fail.
-- cannot see: Users are told apart by id, else by name; where the log stream masks names, unknown users are one.
-- parameter: attempts integer = 200 (so many failed or blocked logins of one address in an hour)
-- parameter: users integer = 10 (of so many different users)
-- parameter: allowed_ips list = [] (addresses that are never reported)
-- level: medium
-- types: fp, fu, fcoa, fepft, pwd_leak, limit_wc, limit_sul, limit_mu
-- reference: e604e40e-9db6-449d-854d-2b5323644fd7
SELECT 'credential-stuffing' AS rule,
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
  AND type IN ('fp', 'fu', 'fcoa', 'fepft', 'pwd_leak', 'limit_wc', 'limit_sul', 'limit_mu')
  AND "timestamp" LIKE '____-__-__T%'
  AND ip <> ''
  AND NOT json_array_contains(:allowed_ips, ip)
GROUP BY ip, substr("timestamp", 1, 13)
HAVING count(DISTINCT log_id) >= :attempts
   AND count(DISTINCT coalesce(nullif(user_id, ''), lower(nullif(user_name, '')))) >= :users
ORDER BY "window", entity
