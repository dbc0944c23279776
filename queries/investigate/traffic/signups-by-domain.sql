-- title: Signups by mail domain
-- answers: From which mail domains users signed up, and how many signups failed.
-- cannot see: First logins through social and enterprise connections, and users that the Management API or an
-- cannot see: import makes. Signups with a user name or phone number only have no domain.
-- days: 7
-- parameter: top integer = 100 (how many domains)
SELECT "domain",
       count(DISTINCT if(type = 'ss', log_id)) AS signups,
       count(DISTINCT if(type <> 'ss', log_id)) AS failures,
       count(DISTINCT ip) AS ips,
       count(DISTINCT client_id) AS clients,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen
FROM (
  SELECT log_id, "timestamp", type, ip, client_id, nullif(split_part(lower(mail), '@', 2), '') AS "domain"
  FROM (
    SELECT log_id, "timestamp", type, ip, client_id,
           coalesce(json_extract_scalar(details, '$.body.email'), user_name) AS mail
    FROM auth0_logs
    WHERE "date" BETWEEN :from_date AND :to_date
      AND ("date" > :from_date OR "hour" >= :from_hour)
      AND ("date" < :to_date OR "hour" <= :to_hour)
      AND type IN ('ss', 'fs', 'signup_pwd_leak')
  )
)
GROUP BY "domain"
ORDER BY signups DESC, failures DESC, "domain"
LIMIT :top
