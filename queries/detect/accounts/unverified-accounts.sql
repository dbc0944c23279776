-- title: Many accounts that stay unverified
-- answers: Addresses that created many database accounts in a day whose mail was not verified in time.
-- cannot see: Accounts created from many addresses. An account is judged once an event is seen that happened
-- cannot see: long enough after its signup. A tenant without any verification in these days reports nothing.
-- parameter: accounts integer = 10 (so many unverified accounts of one address in a day)
-- parameter: minutes integer = 60 (the time in which an account has to be verified; at most 1440)
-- parameter: allowed_ips list = [] (addresses that are never reported)
-- level: medium
-- types: ss, sv, s
-- reference: 6ef35d2c-ae8f-4b42-91b8-67915c7e41ff
WITH events AS (
  SELECT log_id,
         "timestamp",
         try(from_iso8601_timestamp("timestamp")) AS moment,
         type,
         coalesce(nullif(user_id, ''), lower(nullif(user_name, ''))) AS who,
         ip,
         coalesce(nullif(strategy_type, ''), 'database') AS strategy_type,
         coalesce(json_extract_scalar(details, '$.body.email_verified'), 'false') AS verified_at_once,
         coalesce(json_extract_scalar(details, '$.body.is_signup'), 'true') AS by_themselves
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date - INTERVAL '1' DAY AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('ss', 'sv', 's')
    AND "timestamp" LIKE '____-__-__T%'
),
seen AS (
  SELECT max(moment) AS until, count_if(type = 'sv') AS verifications
  FROM events
),
verified AS (
  SELECT who, moment
  FROM events
  WHERE type = 'sv'
)
SELECT 'unverified-accounts' AS rule,
       e.ip AS entity,
       substr(e."timestamp", 1, 10) AS "window",
       count(DISTINCT e.log_id) AS events,
       min(e."timestamp") AS first_seen,
       max(e."timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT e.log_id)), 1, 100), ' ') AS evidence
FROM events e
CROSS JOIN seen
LEFT JOIN verified v ON v.who = e.who AND date_diff('second', e.moment, v.moment) BETWEEN 0 AND 60 * :minutes
WHERE e.type = 'ss'
  AND v.who IS NULL
  AND seen.verifications > 0
  AND date_diff('second', e.moment, seen.until) > 60 * :minutes
  AND e.strategy_type = 'database'
  AND e.verified_at_once = 'false'
  AND e.by_themselves = 'true'
  AND e.ip <> ''
  AND NOT json_array_contains(:allowed_ips, e.ip)
GROUP BY e.ip, substr(e."timestamp", 1, 10)
HAVING count(DISTINCT coalesce(e.who, e.log_id)) >= :accounts
   AND date_diff(
     'second',
     from_iso8601_timestamp(CAST(:from_date AS varchar) || 'T' || :from_hour || ':00:00Z'),
     max(e.moment)
   ) >= -60 * :minutes
ORDER BY "window", entity
