-- title: MFA factor turned off
-- answers: Which factors of MFA were turned off for the whole tenant.
-- cannot see: Whether a stronger factor stays on: name the strong ones in the parameter to hear of these
-- cannot see: alone.
-- parameter: factors list = [] (factors to watch, such as webauthn-roaming, webauthn-platform; empty: all)
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
-- reference: d0b564f6-716a-11f0-96ba-723487b9527c
WITH factors AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(regexp_extract(lower(json_extract_scalar(details, '$.request.path')),
                                 '/guardian/factors/([^/]+)/?$', 1), 'unknown') AS entity
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('patch', 'put', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'),
                          '^(/api)?/v2/guardian/factors/[^/]+/?$'))
         OR lower(description) = 'update multi-factor authentication type')
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
    AND coalesce(json_extract_scalar(details, '$.response.body.enabled'),
                 json_extract_scalar(details, '$.request.body.enabled')) = 'false'
)
SELECT 'mfa-factor-off' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM factors
WHERE json_array_length(:factors) = 0
   OR json_array_contains(:factors, entity)
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
