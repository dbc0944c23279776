-- title: Many applications registered dynamically
-- answers: Tenants in which many applications registered themselves within an hour.
-- cannot see: Registrations that come slowly, or that stand on both sides of the turn of an hour.
-- parameter: clients integer = 10 (so many registrations in an hour are many)
-- parameter: allowed_ips list = [] (addresses whose registrations are not counted)
-- level: medium
-- types: sapi
-- reference: 4bf28f3a-716c-11f0-9932-723487b9527c
WITH registrations AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(json_extract_scalar(extra, '$.tenant_name'), 'tenant') AS entity
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) = 'post'
          AND regexp_like(json_extract_scalar(details, '$.request.path'), '(^|/)oidc/register/?$'))
         OR lower(description) = 'dynamic client registration')
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
)
SELECT 'many-dynamic-registrations' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM registrations
GROUP BY entity, substr("timestamp", 1, 13)
HAVING count(DISTINCT log_id) >= :clients
ORDER BY "window", entity
