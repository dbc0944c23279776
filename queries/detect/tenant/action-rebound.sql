-- title: Actions of a trigger rebound
-- answers: Who changed which Actions run at a login, or their order.
-- cannot see: What changed in the list, and new code of an Action that stays bound.
-- parameter: triggers list = ["post-login"] (the triggers to watch)
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
WITH bindings AS (
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
          AND json_array_contains(:triggers,
                                  regexp_extract(json_extract_scalar(details, '$.request.path'),
                                                 '^(/api)?/v2/actions/triggers/([^/]+)/bindings/?$', 2)))
         OR (json_extract_scalar(details, '$.request.path') IS NULL
             AND lower(description) = 'update trigger bindings'))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
)
SELECT 'action-rebound' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM bindings
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
