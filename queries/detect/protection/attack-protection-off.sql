-- title: Attack protection turned off
-- answers: Which protections against attacks a change of the settings turned off, or left off.
-- cannot see: A protection that is on and only does not block: the rules of the single protections see that.
-- cannot see: It reads the settings after a change, so a change of something else reports a protection that
-- cannot see: is off.
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: high
-- types: sapi
-- reference: 0325e11e-12ce-44e7-8d1f-3a64700a000a
WITH changes AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         lower(concat(coalesce(json_extract_scalar(details, '$.request.path'), ''), ' ',
                      coalesce(description, ''))) AS target
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
                                   'update breached password detection settings',
                                   'create or update the anomaly detection captcha'))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
    AND coalesce(json_extract_scalar(details, '$.response.body.enabled'),
                 json_extract_scalar(details, '$.request.body.enabled')) = 'false'
),
protections AS (
  SELECT log_id, "timestamp",
         CASE WHEN regexp_like(target, 'brute.force') THEN 'brute-force-protection'
              WHEN regexp_like(target, 'suspicious.ip.throttling') THEN 'suspicious-ip-throttling'
              WHEN regexp_like(target, 'breached.password.detection') THEN 'breached-password-detection'
              WHEN regexp_like(target, 'captcha|bot.detection') THEN 'bot-detection'
              ELSE coalesce(regexp_extract(target, 'attack-protection/([a-z-]+)', 1), 'unknown') END AS entity
  FROM changes
)
SELECT 'attack-protection-off' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM protections
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
