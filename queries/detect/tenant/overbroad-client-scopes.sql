-- title: Application with far too many Management API scopes
-- answers: Applications that called the Management API with a token of very many scopes, day by day.
-- cannot see: An application that makes no change and reads no secret, and few but dangerous scopes.
-- cannot see: Calls in the name of a person, as those of the Dashboard, are left out.
-- parameter: scopes integer = 150 (more scopes than this are reported; set it to what the largest one needs)
-- parameter: allowed_clients list = [] (client ids that may have all the scopes they want)
-- level: low
-- types: sapi, mgmt_api_read
-- fields: details $.request.auth.credentials.scopes
-- reference: 93c38bb9-da49-4ca5-8d8b-4d3d997b66e8
WITH calls AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(nullif(client_id, ''), nullif(client_name, ''), 'unknown') AS entity
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('sapi', 'mgmt_api_read')
    AND nullif(json_extract_scalar(details, '$.request.auth.user.user_id'), '') IS NULL
    AND json_array_length(json_extract(details, '$.request.auth.credentials.scopes')) > :scopes
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
)
SELECT 'overbroad-client-scopes' AS rule,
       entity,
       substr("timestamp", 1, 10) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM calls
GROUP BY entity, substr("timestamp", 1, 10)
ORDER BY "window", entity
