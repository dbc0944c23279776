-- title: Client secrets read
-- answers: Who read the secrets of applications: people who read any, machines that read many.
-- cannot see: Whether the secret was copied: whoever opens an application in the Dashboard reads it.
-- cannot see: Reads of the secrets of connections.
-- parameter: by_person integer = 1 (of so many applications a person reads the secret in an hour)
-- parameter: by_machine integer = 5 (of so many applications a machine reads it; the whole list always is)
-- parameter: watched_clients list = [] (client ids of the applications to watch; empty: all)
-- parameter: allowed_ips list = [] (addresses from which a read is never reported)
-- parameter: allowed_clients list = [] (client ids of machines that may read all)
-- level: low
-- types: mgmt_api_read
-- fields: details $.accessedSecrets
-- reference: 2d7087d2-716d-11f0-ba3b-723487b9527c
WITH reads AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(nullif(user_id, ''),
                  nullif(json_extract_scalar(details, '$.request.auth.user.user_id'), ''),
                  nullif(client_id, ''), nullif(ip, ''), 'unknown') AS entity,
         if(regexp_like(coalesce(nullif(json_extract_scalar(details, '$.request.auth.user.user_id'), ''),
                                 nullif(user_id, ''), '@clients'), '@clients$'), 0, 1) AS person,
         coalesce(regexp_extract(json_extract_scalar(details, '$.request.path'), '/clients/([^/]+)', 1),
                  json_extract_scalar(details, '$.response.body.client_id'), '*') AS target
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'mgmt_api_read'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND (regexp_like(json_extract_scalar(details, '$.request.path'), '^(/api)?/v2/clients(/[^/]+)?/?$')
         OR lower(description) IN ('get client by id', 'get a client by id', 'get clients'))
    AND json_array_contains(json_extract(details, '$.accessedSecrets'), 'client_secret')
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
)
SELECT 'client-secret-read' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM reads
WHERE json_array_length(:watched_clients) = 0
   OR json_array_contains(:watched_clients, target)
   OR target = '*'
GROUP BY entity, substr("timestamp", 1, 13)
HAVING count(DISTINCT target) >= if(max(person) = 1, :by_person, :by_machine)
    OR count_if(target = '*') > 0
ORDER BY "window", entity
