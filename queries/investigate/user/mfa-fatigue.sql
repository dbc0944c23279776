-- title: MFA fatigue
-- answers: Users who were sent many pushes or codes in an hour, or who rejected a push.
-- cannot see: Pushes of factors that are not Auth0's own. One device that asks again and again looks the same
-- cannot see: as an attack.
-- days: 7
-- parameter: sent integer = 5 (so many pushes and codes in an hour are many)
-- parameter: rejected integer = 1 (so many rejected pushes in an hour are many)
SELECT who, user_name, "hour", pushes, codes, rejected, failed, accepted, ips, first_seen, last_seen
FROM (
  SELECT coalesce(nullif(user_id, ''), user_name) AS who,
         max(user_name) AS user_name,
         substr("timestamp", 1, 13) AS "hour",
         count(DISTINCT if(type = 'gd_send_pn', log_id)) AS pushes,
         count(DISTINCT if(type IN ('gd_send_sms', 'gd_send_voice', 'gd_send_email'), log_id)) AS codes,
         count(DISTINCT if(type = 'gd_auth_rejected', log_id)) AS rejected,
         count(DISTINCT if(type IN ('gd_auth_failed', 'gd_otp_rate_limit_exceed'), log_id)) AS failed,
         count(DISTINCT if(type = 'gd_auth_succeed', log_id)) AS accepted,
         count(DISTINCT ip) AS ips,
         min("timestamp") AS first_seen,
         max("timestamp") AS last_seen
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('gd_send_pn', 'gd_send_sms', 'gd_send_voice', 'gd_send_email', 'gd_auth_rejected',
                 'gd_auth_failed', 'gd_otp_rate_limit_exceed', 'gd_auth_succeed')
  GROUP BY coalesce(nullif(user_id, ''), user_name), substr("timestamp", 1, 13)
)
WHERE pushes + codes >= :sent OR rejected >= :rejected
ORDER BY rejected DESC, pushes + codes DESC, "hour" DESC NULLS LAST, who
