-- title: Guessed passwords
-- answers: Logins from an address at which many failed, from the first failure to an hour after the last.
-- cannot see: Guesses that are used from another address. Of an office or a proxy, most logins are innocent:
-- cannot see: those with failures_of_user are the likely ones.
-- days: 1
-- parameter: failures integer = 10 (so many failed logins of one address are many)
WITH failed AS (
  SELECT ip, lower(coalesce(nullif(user_name, ''), user_id)) AS who, log_id,
         try(from_iso8601_timestamp("timestamp")) AS failed_at
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('fp', 'fu', 'fepft')
    AND nullif(ip, '') IS NOT NULL
),
addresses AS (
  SELECT ip,
         count(DISTINCT log_id) AS failures,
         min(failed_at) AS first_failure,
         max(failed_at) AS last_failure
  FROM failed
  GROUP BY ip
  HAVING count(DISTINCT log_id) >= :failures
),
users AS (
  SELECT ip, who, count(DISTINCT log_id) AS failures
  FROM failed
  GROUP BY ip, who
),
logins AS (
  SELECT "timestamp", user_id, user_name, ip, client_name, log_id,
         lower(coalesce(nullif(user_name, ''), user_id)) AS who,
         try(from_iso8601_timestamp("timestamp")) AS logged_in_at
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('s', 'sepft')
)
SELECT DISTINCT
       l."timestamp", l.user_id, l.user_name, l.ip, a.failures,
       coalesce(u.failures, 0) AS failures_of_user,
       l.client_name, l.log_id
FROM logins l
JOIN addresses a ON a.ip = l.ip
LEFT JOIN users u ON u.ip = l.ip AND u.who = l.who
WHERE l.logged_in_at >= a.first_failure
  AND l.logged_in_at <= a.last_failure + INTERVAL '1' HOUR
ORDER BY l."timestamp", l.log_id
