-- title: Rate limits
-- answers: Which limits of Auth0 were reached or nearly so, by hour, client, address and user.
-- cannot see: How many requests were refused: while a limit lasts, Auth0 writes an event at most once a
-- cannot see: minute.
-- days: 1
SELECT substr("timestamp", 1, 13) AS "hour",
       type, client, ip, who, bucket, path,
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen
FROM (
  SELECT log_id, "timestamp", type, ip,
         coalesce(nullif(client_name, ''), nullif(client_id, '')) AS client,
         coalesce(nullif(user_name, ''), nullif(user_id, '')) AS who,
         json_extract_scalar(details, '$.limit.bucket') AS bucket,
         json_extract_scalar(details, '$.request.path') AS path
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('api_limit', 'api_limit_warning', 'appi', 'limit_wc', 'limit_mu', 'limit_sul',
                 'limit_delegation', 'limit_phone', 'gd_otp_rate_limit_exceed',
                 'gd_recovery_rate_limit_exceed')
)
GROUP BY substr("timestamp", 1, 13), type, client, ip, who, bucket, path
ORDER BY "hour" DESC NULLS LAST, events DESC, type, client, ip, who, bucket, path
