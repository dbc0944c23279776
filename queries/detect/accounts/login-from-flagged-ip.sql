-- title: Login or signup from a flagged address
-- answers: Addresses at which users logged in or signed up after the first of several stops by attack protection there.
-- cannot see: A login in a later hour than the flags. Many people behind one address look alike: an innocent
-- cannot see: login from there is reported too.
-- parameter: users integer = 3 (attack protection stepped in for so many users of one address in an hour)
-- parameter: assessments integer = 50 (or bot detection asked for so many checks of it in an hour)
-- parameter: allowed_ips list = [] (addresses that are never reported)
-- level: medium
-- types: s, ss, scoa, sepft, pwd_leak, signup_pwd_leak, reset_pwd_leak, limit_wc, limit_sul, limit_mu, pla
-- reference: a9d48080-5b88-4e4d-8b6d-45696f85c444
WITH events AS (
  SELECT log_id,
         "timestamp",
         substr("timestamp", 1, 13) AS "window",
         ip,
         coalesce(nullif(user_id, ''), lower(nullif(user_name, ''))) AS who,
         type = 'pla' AS assessed,
         type IN ('s', 'ss', 'scoa', 'sepft') AS succeeded
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND (
      type IN ('s', 'ss', 'scoa', 'sepft')
      OR type IN ('pwd_leak', 'signup_pwd_leak', 'reset_pwd_leak', 'limit_wc', 'limit_sul', 'limit_mu')
      OR (type = 'pla' AND json_extract_scalar(details, '$.requiresVerification') = 'true')
    )
    AND "timestamp" LIKE '____-__-__T%'
    AND ip <> ''
    AND NOT json_array_contains(:allowed_ips, ip)
),
flagged AS (
  SELECT ip, "window", min("timestamp") AS since
  FROM events
  WHERE NOT succeeded
  GROUP BY ip, "window"
  HAVING count(DISTINCT CASE WHEN NOT assessed THEN who END) >= :users
      OR count(DISTINCT CASE WHEN assessed THEN log_id END) >= :assessments
)
SELECT 'login-from-flagged-ip' AS rule,
       e.ip AS entity,
       e."window" AS "window",
       count(DISTINCT e.log_id) AS events,
       min(e."timestamp") AS first_seen,
       max(e."timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT e.log_id)), 1, 100), ' ') AS evidence
FROM events e
JOIN flagged f ON f.ip = e.ip AND f."window" = e."window" AND e."timestamp" >= f.since
WHERE e.succeeded
GROUP BY e.ip, e."window"
ORDER BY "window", entity
