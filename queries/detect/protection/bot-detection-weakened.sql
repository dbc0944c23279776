-- title: Bot detection weakened
-- answers: Who left the bot detection without a challenge for logins or password resets, or only watching.
-- cannot see: A less sensitive level or a weaker kind of challenge.
-- cannot see: It reads the settings after a change, so a change of something else reports a flow that was off
-- cannot see: before.
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
-- reference: dc37e695-df6f-439c-82aa-fe7127c5a3c3
WITH settings AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(nullif(user_id, ''),
                  nullif(json_extract_scalar(details, '$.request.auth.user.user_id'), ''),
                  nullif(client_id, ''), nullif(ip, ''), 'unknown') AS entity,
         coalesce(json_extract_scalar(details, '$.response.body.challenge_password_policy'),
                  json_extract_scalar(details, '$.response.body.policy'),
                  json_extract_scalar(details, '$.request.body.challenge_password_policy'),
                  json_extract_scalar(details, '$.request.body.policy')) AS password,
         coalesce(json_extract_scalar(details, '$.response.body.challenge_passwordless_policy'),
                  json_extract_scalar(details, '$.response.body.passwordless_policy'),
                  json_extract_scalar(details, '$.request.body.challenge_passwordless_policy'),
                  json_extract_scalar(details, '$.request.body.passwordless_policy')) AS passwordless,
         coalesce(json_extract_scalar(details, '$.response.body.challenge_password_reset_policy'),
                  json_extract_scalar(details, '$.response.body.password_reset_policy'),
                  json_extract_scalar(details, '$.request.body.challenge_password_reset_policy'),
                  json_extract_scalar(details, '$.request.body.password_reset_policy')) AS password_reset,
         coalesce(json_extract_scalar(details, '$.response.body.monitoring_mode_enabled'),
                  json_extract_scalar(details, '$.request.body.monitoring_mode_enabled')) AS monitoring,
         coalesce(json_extract_scalar(details, '$.response.body.enabled'),
                  json_extract_scalar(details, '$.request.body.enabled')) AS enabled
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('patch', 'put', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'),
                          '^(/api)?/v2/(attack-protection/(bot-detection|captcha)|anomaly/captchas?)/?$'))
         OR lower(description) IN ('create or update the anomaly detection captcha',
                                   'update bot detection settings'))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
)
SELECT 'bot-detection-weakened' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM settings
WHERE password IN ('off', 'never')
   OR passwordless IN ('off', 'never')
   OR password_reset IN ('off', 'never')
   OR monitoring = 'true'
   OR enabled = 'false'
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
