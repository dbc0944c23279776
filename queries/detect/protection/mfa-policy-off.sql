-- title: MFA policy turned off
-- answers: Who set the tenant's policy of MFA to never.
-- cannot see: MFA that Actions ask for: a tenant that leaves it to them may have the policy off on purpose.
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: high
-- types: sapi
-- reference: 6733ad4e-716a-11f0-9006-723487b9527c
WITH policies AS (
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
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('put', 'patch', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'), '^(/api)?/v2/guardian/policies/?$'))
         OR lower(description) IN ('set the multi-factor authentication policies',
                                   'update multi-factor authentication policies'))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
    AND coalesce(json_array_length(json_extract(details, '$.response.body')),
                 json_array_length(json_extract(details, '$.request.body'))) = 0
)
SELECT 'mfa-policy-off' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM policies
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
