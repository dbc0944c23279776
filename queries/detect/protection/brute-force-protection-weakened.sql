-- title: Brute-force protection weakened
-- answers: Who turned brute-force protection off, stopped it from blocking, or allowed far more attempts.
-- cannot see: Notifications that are turned off; and addresses that are exempted: unrecognized-ip-allowed
-- cannot see: sees these.
-- cannot see: It reads the settings after a change, so a change of something else reports a weakness of
-- cannot see: before.
-- parameter: attempts integer = 50 (more failed logins before a block are too many; Auth0's own number is 10)
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
-- reference: 8281291e-51b4-46a9-8012-955e20406efd
WITH settings AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(nullif(user_id, ''),
                  nullif(json_extract_scalar(details, '$.request.auth.user.user_id'), ''),
                  nullif(client_id, ''), nullif(ip, ''), 'unknown') AS entity,
         coalesce(json_extract_scalar(details, '$.response.body.enabled'),
                  json_extract_scalar(details, '$.request.body.enabled')) AS enabled,
         coalesce(json_extract(details, '$.response.body.shields'),
                  json_extract(details, '$.request.body.shields')) AS shields,
         coalesce(json_extract_scalar(details, '$.response.body.mode'),
                  json_extract_scalar(details, '$.request.body.mode'), '') AS mode,
         try_cast(coalesce(json_extract_scalar(details, '$.response.body.max_attempts'),
                           json_extract_scalar(details, '$.request.body.max_attempts')) AS integer)
           AS attempts
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('patch', 'put', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'),
                          '^(/api)?/v2/attack-protection/brute-force-protection/?$'))
         OR lower(description) = 'update brute-force settings')
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
)
SELECT 'brute-force-protection-weakened' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM settings
WHERE enabled = 'false'
   OR (NOT json_array_contains(shields, 'block') AND mode <> 'count_per_identifier')
   OR attempts > :attempts
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
