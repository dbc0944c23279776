-- title: Insecure grant allowed
-- answers: Applications that were allowed the implicit grant or a grant by password.
-- cannot see: Whether it was allowed before: a call that sends all settings of an application reports it
-- cannot see: again.
-- parameter: grants list = ["implicit","password","http://auth0.com/oauth/grant-type/password-realm"] (weak)
-- parameter: exempt_clients list = [] (client ids of applications that may use them)
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
-- reference: 7b4ec6f9-fdae-4e35-8c5c-8daaf473220c
WITH changes AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(json_extract_scalar(details, '$.response.body.client_id'),
                  regexp_extract(json_extract_scalar(details, '$.request.path'), '/clients/([^/]+)', 1),
                  json_extract_scalar(details, '$.request.body.name'), 'unknown') AS entity,
         coalesce(try_cast(json_extract(details, '$.response.body.grant_types') AS array(varchar)),
                  try_cast(json_extract(details, '$.request.body.grant_types') AS array(varchar)))
           AS grant_types
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
    AND (json_extract(details, '$.request.body.grant_types') IS NOT NULL
         OR lower(json_extract_scalar(details, '$.request.method')) = 'post'
         OR coalesce(json_format(json_extract(details, '$.request.body')), 'null') = 'null')
)
SELECT 'insecure-grants-on' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM changes
CROSS JOIN UNNEST(grant_types) AS t(grant_type)
WHERE json_array_contains(:grants, grant_type)
  AND NOT json_array_contains(:exempt_clients, entity)
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
