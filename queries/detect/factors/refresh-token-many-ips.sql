-- title: Refresh token used from many addresses
-- answers: Users one of whose refresh tokens, with its successors, was used from many addresses in a day.
-- cannot see: Tokens without a family id, such as those that do not rotate. Phones on the move change their
-- cannot see: address often; of IPv6 addresses written in full the first 64 bits count.
-- parameter: ips integer = 10 (so many different addresses of one token family in a day)
-- parameter: allowed_clients list = [] (applications, by client_id, that refresh tokens on a server of yours)
-- parameter: allowed_ips list = [] (addresses that do not count, such as those of your servers)
-- level: medium
-- types: sertft
-- fields: details $.familyId
-- reference: a37fcabe-9ec1-4088-9157-b8121377cbca
WITH exchanges AS (
  SELECT log_id,
         "timestamp",
         substr("timestamp", 1, 10) AS "window",
         json_extract_scalar(details, '$.familyId') AS family,
         coalesce(
           nullif(user_id, ''), nullif(user_name, ''), json_extract_scalar(details, '$.familyId')
         ) AS who,
         coalesce(regexp_extract(ip, '^([0-9A-Fa-f]+:){4}'), nullif(ip, '')) AS address
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sertft'
    AND "timestamp" LIKE '____-__-__T%'
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
),
families AS (
  SELECT family, "window"
  FROM exchanges
  WHERE family <> ''
  GROUP BY family, "window"
  HAVING count(DISTINCT address) >= :ips
)
SELECT 'refresh-token-many-ips' AS rule,
       e.who AS entity,
       e."window" AS "window",
       count(DISTINCT e.log_id) AS events,
       min(e."timestamp") AS first_seen,
       max(e."timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT e.log_id)), 1, 100), ' ') AS evidence
FROM exchanges e
JOIN families f ON f.family = e.family AND f."window" = e."window"
GROUP BY e.who, e."window"
ORDER BY "window", entity
