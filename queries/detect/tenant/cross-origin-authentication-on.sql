-- title: Cross-origin authentication turned on
-- answers: Applications for which cross-origin authentication was turned on.
-- cannot see: Whether it was on before: a call that sends all settings of an application reports it again.
-- parameter: exempt_clients list = [] (client ids of applications that may have it)
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
-- reference: cd0b61a4-6917-4a9e-a86c-9b10d7792e24
WITH changes AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(json_extract_scalar(details, '$.response.body.client_id'),
                  regexp_extract(json_extract_scalar(details, '$.request.path'), '/clients/([^/]+)', 1),
                  json_extract_scalar(details, '$.request.body.name'), 'unknown') AS entity
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('patch', 'put', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'), '^(/api)?/v2/clients(/[^/]+)?/?$'))
         OR lower(description) IN ('update a client', 'create a client'))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
    AND (coalesce(json_extract_scalar(details, '$.request.body.cross_origin_authentication'),
                  json_extract_scalar(details, '$.request.body.cross_origin_auth')) IS NOT NULL
         OR lower(json_extract_scalar(details, '$.request.method')) = 'post'
         OR coalesce(json_format(json_extract(details, '$.request.body')), 'null') = 'null')
    AND coalesce(json_extract_scalar(details, '$.response.body.cross_origin_authentication'),
                 json_extract_scalar(details, '$.response.body.cross_origin_auth'),
                 json_extract_scalar(details, '$.request.body.cross_origin_authentication'),
                 json_extract_scalar(details, '$.request.body.cross_origin_auth')) = 'true'
)
SELECT 'cross-origin-authentication-on' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM changes
WHERE NOT json_array_contains(:exempt_clients, entity)
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
