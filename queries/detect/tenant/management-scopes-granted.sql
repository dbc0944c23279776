-- title: Management API scopes granted
-- answers: Applications that were granted scopes of the Management API that change the tenant.
-- cannot see: Whether the application had the scopes before: a call that renews or cuts a grant reports the
-- cannot see: rest.
-- parameter: scopes text = create:|update:|delete:|read:client_keys (a regular expression of the beginning)
-- parameter: trusted_clients list = [] (client ids of applications that may be granted them)
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: high
-- types: sapi
-- reference: b275f0fa-3f2d-493f-a741-67e861ef77ed
WITH grants AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(json_extract_scalar(details, '$.response.body.client_id'),
                  json_extract_scalar(details, '$.request.body.client_id'),
                  regexp_extract(json_extract_scalar(details, '$.request.path'), '/client-grants/([^/]+)', 1),
                  'unknown') AS entity,
         array_join(coalesce(
           try_cast(json_extract(details, '$.response.body.scope') AS array(varchar)),
           try_cast(json_extract(details, '$.request.body.scope') AS array(varchar))), ' ') AS scope,
         coalesce(json_extract_scalar(details, '$.response.body.allow_all_scopes'),
                  json_extract_scalar(details, '$.request.body.allow_all_scopes')) AS all_scopes
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('patch', 'put', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'),
                          '^(/api)?/v2/client-grants(/[^/]+)?/?$'))
         OR lower(description) IN ('update client grant', 'create client grant', 'create a client grant'))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
    AND regexp_like(coalesce(json_extract_scalar(details, '$.response.body.audience'),
                             json_extract_scalar(details, '$.request.body.audience')),
                    '^https://[^/]+/api/v2/?$')
    AND (json_extract(details, '$.request.body.scope') IS NOT NULL
         OR json_extract(details, '$.request.body.allow_all_scopes') IS NOT NULL
         OR coalesce(json_format(json_extract(details, '$.request.body')), 'null') = 'null')
)
SELECT 'management-scopes-granted' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM grants
WHERE (regexp_like(scope, '(^| )(' || :scopes || ')') OR all_scopes = 'true')
  AND NOT json_array_contains(:trusted_clients, entity)
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
