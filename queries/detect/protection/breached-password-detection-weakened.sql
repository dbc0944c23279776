-- title: Breached password detection weakened
-- answers: Who turned the detection of breached passwords off, or stopped it from blocking logins or signups.
-- cannot see: Resets of passwords (stage pre-change-password), and notifications that are turned off.
-- cannot see: It reads the settings after a change, so a change of something else reports a weakness of
-- cannot see: before.
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
-- reference: 2a26d75e-43fd-4bc9-afb6-d3465068d869
WITH settings AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(nullif(user_id, ''),
                  nullif(json_extract_scalar(details, '$.request.auth.user.user_id'), ''),
                  nullif(client_id, ''), nullif(ip, ''), 'unknown') AS entity,
         coalesce(json_extract_scalar(details, '$.response.body.enabled'),
                  json_extract_scalar(details, '$.request.body.enabled')) AS enabled,
         coalesce(json_extract(details, '$.response.body.shields'),
                  json_extract(details, '$.request.body.shields')) AS login_shields,
         json_extract(details, '$.request.body.stage["pre-user-registration"].shields') AS signup_asked,
         coalesce(json_extract(details, '$.response.body.stage["pre-user-registration"].shields'),
                  json_extract(details, '$.request.body.stage["pre-user-registration"].shields'))
           AS signup_shields
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('patch', 'put', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'),
                          '^(/api)?/v2/attack-protection/breached-password-detection/?$'))
         OR lower(description) = 'update breached password detection settings')
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
)
SELECT 'breached-password-detection-weakened' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM settings
WHERE enabled = 'false'
   OR NOT json_array_contains(login_shields, 'block')
   OR (signup_asked IS NOT NULL AND NOT json_array_contains(signup_shields, 'block'))
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
