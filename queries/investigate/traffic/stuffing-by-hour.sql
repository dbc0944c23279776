-- title: Credential stuffing
-- answers: Failed, blocked and successful logins of each hour, with how many addresses and users failed.
-- cannot see: Which logins are the attacker's; guessed-passwords names suspects. Events of breached passwords
-- cannot see: and blocks are minima, because Auth0 does not write one for each attempt.
-- days: 1
SELECT "hour", failures, ips, users, unknown_users, breached, blocked, logins,
       100 * failures / nullif(failures + logins, 0) AS failed_percent
FROM (
  SELECT "hour",
         count(DISTINCT if(event = 'failed', log_id)) AS failures,
         count(DISTINCT if(event = 'failed', ip)) AS ips,
         count(DISTINCT if(event = 'failed', who)) AS users,
         count(DISTINCT if(type = 'fu', who)) AS unknown_users,
         count(DISTINCT if(event = 'breached', log_id)) AS breached,
         count(DISTINCT if(event = 'blocked', log_id)) AS blocked,
         count(DISTINCT if(event = 'login', log_id)) AS logins
  FROM (
    SELECT log_id, type, ip,
           substr("timestamp", 1, 13) AS "hour",
           coalesce(nullif(user_id, ''), lower(nullif(user_name, ''))) AS who,
           CASE WHEN type IN ('f', 'fp', 'fu', 'fepft', 'fcoa') THEN 'failed'
                WHEN type IN ('s', 'sepft') THEN 'login'
                WHEN type LIKE 'limit%' THEN 'blocked'
                ELSE 'breached'
           END AS event
    FROM auth0_logs
    WHERE "date" BETWEEN :from_date AND :to_date
      AND ("date" > :from_date OR "hour" >= :from_hour)
      AND ("date" < :to_date OR "hour" <= :to_hour)
      AND type IN ('f', 'fp', 'fu', 'fepft', 'fcoa', 'limit_wc', 'limit_mu', 'limit_sul', 'pwd_leak',
                   'signup_pwd_leak', 'reset_pwd_leak', 's', 'sepft')
  )
  GROUP BY "hour"
)
ORDER BY "hour" DESC NULLS LAST
