-- title: Why a user can't log in
-- answers: Why a user's logins failed, the newest reason first, with the last login and the last unblocking.
-- cannot see: Logins that end before Auth0 knows who the user is. Many reasons are read from the text of the
-- cannot see: error, and an Action or an identity provider can write any text there. Silent logins without a
-- cannot see: session are left out. A blocked address is shown if the user had an event there, even if others
-- cannot see: caused the block.
-- days: 7
-- parameter: user text (a user's id, mail address, phone number or name)
WITH known AS (
  SELECT array_agg(DISTINCT nullif(user_id, '')) AS ids,
         array_agg(DISTINCT lower(nullif(user_name, ''))) AS names,
         array_agg(DISTINCT nullif(ip, '')) AS ips
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND lower(:user) IN (lower(user_id), lower(user_name))
),
tried AS (
  SELECT log_id, "timestamp", type, ip, connection, client_name,
         CASE WHEN regexp_like(type, '^(f|gd|limit|actions)')
              THEN coalesce(json_extract_scalar(details, '$.error.message'),
                            json_extract_scalar(details, '$.error'),
                            json_extract_scalar(details, '$.action_error.message'),
                            description)
         END AS error
  FROM auth0_logs
  CROSS JOIN known
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND (contains(ids, user_id)
         OR (nullif(user_id, '') IS NULL AND contains(names, lower(user_name)))
         OR (type = 'limit_mu' AND contains(ips, ip)))
    AND type IN ('f', 'fp', 'fu', 'fsa', 'fcoa', 'fepft', 'fepotpft', 'fens', 'fecte', 'fede', 'fdeac',
                 'feacft', 'fertft', 'ferrt', 'feotpft', 'feoobft', 'fercft', 'passkey_challenge_failed',
                 'gd_auth_failed', 'gd_auth_rejected', 'gd_otp_rate_limit_exceed', 'gd_recovery_failed',
                 'gd_recovery_rate_limit_exceed', 'gd_webauthn_challenge_failed', 'gd_send_sms_failure',
                 'gd_send_pn_failure', 'gd_send_voice_failure', 'limit_wc', 'limit_sul', 'limit_mu',
                 'limit_phone', 'pwd_leak', 'reset_pwd_leak', 'actions_execution_failed', 'ublkdu', 'scp',
                 'sdu', 's', 'ssa', 'scoa', 'seacft', 'sepft', 'sertft', 'seoobft', 'seotpft', 'sercft',
                 'sens', 'sede', 'secte', 'sepkoobft', 'sepkotpft', 'sepkrcft', 'ciba_exchange_succeeded',
                 'idjag_exchange_succeeded')
),
named AS (
  SELECT log_id, "timestamp", type, ip, connection, client_name, error,
         CASE
           WHEN type = 'fp' THEN 'wrong password'
           WHEN type = 'fu' THEN 'unknown user'
           WHEN type = 'limit_wc' THEN 'user blocked: too many failed logins (brute-force protection)'
           WHEN type = 'limit_sul' THEN 'user blocked: too many logins from one address'
           WHEN type = 'limit_mu' THEN 'address blocked: too many failed logins or signups'
           WHEN type = 'limit_phone' THEN 'too many text messages or calls'
           WHEN type IN ('pwd_leak', 'reset_pwd_leak') THEN 'breached password'
           WHEN type = 'gd_auth_failed' THEN 'MFA: wrong code'
           WHEN type = 'gd_auth_rejected' THEN 'MFA: the user rejected the push'
           WHEN type = 'gd_recovery_failed' THEN 'MFA: wrong recovery code'
           WHEN type = 'gd_webauthn_challenge_failed' THEN 'MFA: security key or device refused'
           WHEN type IN ('gd_otp_rate_limit_exceed', 'gd_recovery_rate_limit_exceed')
             THEN 'MFA: too many wrong codes'
           WHEN type LIKE 'gd_send%' THEN 'MFA: message not sent'
           WHEN type IN ('feotpft', 'feoobft', 'fercft') THEN 'MFA: failed'
           WHEN type = 'fepotpft' THEN 'passwordless: wrong code'
           WHEN type = 'passkey_challenge_failed' THEN 'passkey refused'
           WHEN type IN ('fertft', 'ferrt') THEN 'refresh token revoked, expired or used twice'
           WHEN type = 'feacft' THEN 'authorization code refused'
           WHEN type = 'actions_execution_failed' THEN 'an Action failed'
           WHEN type = 'ublkdu' THEN '(unblocked)'
           WHEN type = 'scp' THEN '(password changed)'
           WHEN type = 'sdu' THEN '(user deleted)'
           WHEN type = 'sertft' THEN '(token refreshed)'
           WHEN type = 'ssa' THEN '(silent login)'
           WHEN type NOT LIKE 'f%' THEN '(logged in)'
           WHEN regexp_like(lower(error), 'blocked after|too.many|consecutive')
             THEN 'user blocked: too many failed logins'
           WHEN regexp_like(lower(error), 'blocked|disabled by an admin')
             THEN 'user blocked by an administrator'
           WHEN regexp_like(lower(error), 'mfa|multi-?factor|second factor') THEN 'MFA: needed or failed'
           WHEN regexp_like(lower(error), 'mail.*verif|verif.*mail') THEN 'mail address not verified'
           WHEN regexp_like(lower(error), 'breach|leaked') THEN 'breached password'
           WHEN regexp_like(lower(error), 'password.*(expired|reset)') THEN 'password expired'
           WHEN regexp_like(lower(error), 'connection.*(enabled|disabled|found|exist)|no connections')
             THEN 'connection off'
           WHEN regexp_like(lower(error), 'not part of|not a member|organization')
             THEN 'not in the organization'
           WHEN regexp_like(lower(error), '(wrong|invalid|incorrect).*(mail|user|phone|password|credential)')
             THEN 'wrong password or unknown user'
           WHEN regexp_like(lower(error), 'consent') THEN 'consent needed or refused'
           WHEN regexp_like(lower(error), 'denied|unauthorized|not allowed|forbidden')
             THEN 'denied by an Action or rule'
           ELSE 'other'
         END AS reason
  FROM tried
  WHERE type <> 'fsa' OR NOT regexp_like(lower(coalesce(error, '')), 'login.required')
)
SELECT reason, type, error,
       count(DISTINCT log_id) AS times,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       max_by(ip, "timestamp" || log_id) AS last_ip,
       max_by(client_name, "timestamp" || log_id) AS last_client,
       max_by(connection, "timestamp" || log_id) AS last_connection
FROM named
GROUP BY reason, type, error
ORDER BY last_seen DESC NULLS LAST, reason, type, error
