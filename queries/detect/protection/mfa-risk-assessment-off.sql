-- title: Risk assessment turned off
-- answers: Who turned off the assessment of risk on which adaptive MFA and Actions decide.
-- cannot see: An Action that no longer reads the assessment.
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
-- reference: 3600d0d2-41af-4958-8896-e0ffe8723f26
WITH settings AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(nullif(user_id, ''),
                  nullif(json_extract_scalar(details, '$.request.auth.user.user_id'), ''),
                  nullif(client_id, ''), nullif(ip, ''), 'unknown') AS entity
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('patch', 'put', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'),
                          '^(/api)?/v2/risk-assessments?/(config|settings)/?$'))
         OR lower(description) IN ('updates risk assessment configs', 'update risk assessment settings'))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
    AND coalesce(json_extract_scalar(details, '$.response.body.AfterAuthentication'),
                 json_extract_scalar(details, '$.response.body.enabled'),
                 json_extract_scalar(details, '$.request.body.AfterAuthentication'),
                 json_extract_scalar(details, '$.request.body.enabled')) = 'false'
)
SELECT 'mfa-risk-assessment-off' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM settings
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
