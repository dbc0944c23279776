-- title: Refresh token reused
-- answers: Users whose spent refresh tokens were used again: by another user agent, or many times in a day.
-- cannot see: Tokens that do not rotate, and a thief who sends the owner's user agent. An application that
-- cannot see: repeats a request, or an update of a browser, looks the same.
-- parameter: reuses integer = 5 (so many reuses of one user's tokens in a day)
-- parameter: agents integer = 2 (or one reuse in a token family that so many user agents used in that day)
-- parameter: allowed_clients list = [] (applications, by client_id, that are known to repeat requests)
-- parameter: allowed_ips list = [] (addresses whose reuses do not count)
-- level: medium
-- types: ferrt, sertft
-- reference: a7b2e75c-7171-11f0-aa28-723487b9527c
WITH exchanges AS (
  SELECT log_id,
         "timestamp",
         substr("timestamp", 1, 10) AS "window",
         type = 'ferrt' AS reused,
         nullif(json_extract_scalar(details, '$.familyId'), '') AS family,
         coalesce(
           nullif(user_id, ''), nullif(user_name, ''), json_extract_scalar(details, '$.familyId'), 'unknown'
         ) AS who,
         nullif(user_agent, '') AS agent
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('ferrt', 'sertft')
    AND "timestamp" LIKE '____-__-__T%'
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
),
families AS (
  SELECT family, "window", count(DISTINCT agent) AS agents
  FROM exchanges
  WHERE family IS NOT NULL
  GROUP BY family, "window"
)
SELECT 'refresh-token-reused' AS rule,
       e.who AS entity,
       e."window" AS "window",
       count(DISTINCT e.log_id) AS events,
       min(e."timestamp") AS first_seen,
       max(e."timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT e.log_id)), 1, 100), ' ') AS evidence
FROM exchanges e
LEFT JOIN families f ON f.family = e.family AND f."window" = e."window"
WHERE e.reused
GROUP BY e.who, e."window"
HAVING count(DISTINCT e.log_id) >= :reuses
    OR max(coalesce(f.agents, 0)) >= :agents
ORDER BY "window", entity
