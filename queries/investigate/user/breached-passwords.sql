-- title: Breached passwords
-- answers: Users who used a password that is known to be stolen.
-- cannot see: All attempts: Auth0 does not write an event for each one, so the counts are minima.
-- days: 30
SELECT coalesce(nullif(user_id, ''), nullif(user_name, '')) AS who,
       type,
       count(DISTINCT log_id) AS times,
       count(DISTINCT ip) AS ips,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND type IN ('pwd_leak', 'signup_pwd_leak', 'reset_pwd_leak')
GROUP BY coalesce(nullif(user_id, ''), nullif(user_name, '')), type
ORDER BY last_seen DESC NULLS LAST, who, type
