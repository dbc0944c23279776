-- title: Password spray
-- answers: Addresses that tried few passwords on many users, hour by hour, and how many logins they had.
-- cannot see: Sprays slower than an hour or from many addresses. A proxy of a large office looks the same if
-- cannot see: many mistype.
-- days: 1
-- parameter: users integer = 10 (so many different users of one address in an hour are a spray)
-- parameter: tries integer = 3 (so many failures a user are few)
SELECT ip, "hour", users, failures, unknown_users, blocked, logins, first_seen, last_seen
FROM (
  SELECT ip, "hour",
         count(DISTINCT if(event = 'failed', who)) AS users,
         count(DISTINCT if(event = 'failed', log_id)) AS failures,
         count(DISTINCT if(type = 'fu', who)) AS unknown_users,
         count(DISTINCT if(event = 'blocked', log_id)) AS blocked,
         count(DISTINCT if(event = 'login', log_id)) AS logins,
         min("timestamp") AS first_seen,
         max("timestamp") AS last_seen
  FROM (
    SELECT log_id, "timestamp", type, ip,
           substr("timestamp", 1, 13) AS "hour",
           coalesce(nullif(user_id, ''), lower(nullif(user_name, ''))) AS who,
           CASE WHEN type IN ('f', 'fp', 'fu', 'fepft', 'fcoa') THEN 'failed'
                WHEN type IN ('s', 'sepft') THEN 'login'
                ELSE 'blocked'
           END AS event
    FROM auth0_logs
    WHERE "date" BETWEEN :from_date AND :to_date
      AND ("date" > :from_date OR "hour" >= :from_hour)
      AND ("date" < :to_date OR "hour" <= :to_hour)
      AND type IN ('f', 'fp', 'fu', 'fepft', 'fcoa', 'limit_wc', 'limit_mu', 'limit_sul', 'pwd_leak', 's',
                   'sepft')
      AND nullif(ip, '') IS NOT NULL
  )
  GROUP BY ip, "hour"
)
WHERE users >= :users
  AND failures <= users * :tries
ORDER BY "hour" DESC NULLS LAST, users DESC, ip
