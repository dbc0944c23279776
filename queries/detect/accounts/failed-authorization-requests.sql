-- title: Malformed authorization requests
-- answers: Addresses that sent many login requests with a wrong callback, client, audience or response type.
-- cannot see: Probing spread over many addresses. An application that is set up wrongly looks the same. The
-- cannot see: cause is read from Auth0's English description.
-- parameter: requests integer = 20 (so many refused requests of one address in an hour)
-- parameter: allowed_ips list = [] (addresses that are never reported)
-- parameter: allowed_clients list = [] (applications, by client_id, that are known to be set up wrongly)
-- level: low
-- types: f
-- reference: 27d3b46e-3a2e-48e9-95bb-4622101572b9
SELECT 'failed-authorization-requests' AS rule,
       ip AS entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND type = 'f'
  AND regexp_like(
    lower(coalesce(description, '') || ' ' || coalesce(json_extract_scalar(details, '$.error.message'), '')),
    'callback url mismatch|redirect_uri|unknown client|unsupported response type|service not found'
    || '|code challenge.*not supported'
  )
  AND "timestamp" LIKE '____-__-__T%'
  AND ip <> ''
  AND NOT json_array_contains(:allowed_ips, ip)
  AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
GROUP BY ip, substr("timestamp", 1, 13)
HAVING count(DISTINCT log_id) >= :requests
ORDER BY "window", entity
