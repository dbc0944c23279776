-- title: Unrecognized address exempted from attack protection
-- answers: Addresses that were written to an allowlist of attack protection and are none of the known ones.
-- cannot see: Whether an address was on the list before: a call sends the whole list, and all of it is
-- cannot see: reported.
-- cannot see: Addresses are compared as text, so a range has to be given as it stands in the allowlist.
-- parameter: allowed_ips list = [] (addresses and ranges that may stand in an allowlist)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
-- reference: 5b7a6b8c-6e3b-11f0-a54c-723487b9527e
WITH lists AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(try_cast(json_extract(details, '$.request.body.allowlist') AS array(varchar)),
                  if(coalesce(json_format(json_extract(details, '$.request.body')), 'null') = 'null',
                     try_cast(json_extract(details, '$.response.body.allowlist') AS array(varchar))))
           AS addresses
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('patch', 'put', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'),
                          '^(/api)?/v2/(attack-protection/[a-z-]+|anomaly/captchas?)/?$'))
         OR lower(description) IN ('update brute-force settings', 'update suspicious ip throttling settings',
                                   'create or update the anomaly detection captcha',
                                   'update bot detection settings'))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
)
SELECT 'unrecognized-ip-allowed' AS rule,
       address AS entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM lists
CROSS JOIN UNNEST(addresses) AS t(address)
WHERE address <> ''
  AND NOT json_array_contains(:allowed_ips, address)
GROUP BY address, substr("timestamp", 1, 13)
ORDER BY "window", entity
