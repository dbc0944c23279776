-- title: Token of the API Explorer issued
-- answers: Who was given the token of the API Explorer, which has every scope of the Management API.
-- cannot see: The application is known by its name; one that was renamed has to be given by its id.
-- cannot see: What is done with the token, and whether it was copied: opening the page issues it.
-- parameter: explorer_name text = API Explorer Application (the name of the application)
-- parameter: explorer_clients list = [] (client ids of the application, if it has another name)
-- parameter: allowed_ips list = [] (addresses that are never reported)
-- level: medium
-- types: seccft
-- reference: 90a9a856-716d-11f0-bb81-723487b9527c
WITH tokens AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(nullif(user_id, ''), nullif(user_name, ''), nullif(ip, ''), nullif(client_id, ''),
                  'unknown') AS entity
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'seccft'
    AND (lower(client_name) = lower(:explorer_name)
         OR json_array_contains(:explorer_clients, client_id))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
)
SELECT 'api-explorer-token' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM tokens
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
