-- title: Login without the usual second factor
-- answers: Users who gave a second factor at nearly every login of the 30 days before, and now none.
-- cannot see: A browser that was told to remember the second factor, an application that asks for none, and a
-- cannot see: factor that the identity provider asks for, all look like a login without. Single sign-on by an
-- cannot see: existing session is left out.
-- parameter: logins integer = 5 (so many logins with a second factor in the 30 days before)
-- parameter: percent integer = 90 (and at least this share of the logins of those days)
-- parameter: minutes integer = 10 (a factor accepted so long before a login belongs to it)
-- parameter: allowed_clients list = [] (applications, by client_id, that ask for no second factor)
-- level: medium
-- types: s, gd_auth_succeed, gd_recovery_succeed, gd_enrollment_complete
-- fields: details $.prompts
WITH factors AS (
  SELECT user_id, try(from_iso8601_timestamp("timestamp")) AS moment
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date - INTERVAL '31' DAY AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('gd_auth_succeed', 'gd_recovery_succeed', 'gd_enrollment_complete')
),
prompted AS (
  SELECT log_id,
         "timestamp",
         try(from_iso8601_timestamp("timestamp")) AS moment,
         try_cast(substr("timestamp", 1, 10) AS date) AS day,
         user_id,
         json_format(json_extract(details, '$.prompts')) AS prompts,
         "date" > :from_date OR ("date" = :from_date AND "hour" >= :from_hour) AS asked
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date - INTERVAL '31' DAY AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 's'
    AND user_id <> ''
    AND json_array_length(json_extract(details, '$.prompts')) > 0
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
),
logins AS (
  SELECT p.log_id,
         p."timestamp",
         p.day,
         p.user_id,
         p.asked,
         max(CASE
           WHEN f.user_id IS NOT NULL THEN 1
           WHEN regexp_like(p.prompts, '"(name|flow)":\s*"(mfa|guardian)') THEN 1
           WHEN regexp_like(p.prompts, '"performed_amr":\s*\[[^\]]*"mfa"') THEN 1
           ELSE 0
         END) AS with_factor
  FROM prompted p
  LEFT JOIN factors f
    ON f.user_id = p.user_id AND date_diff('second', f.moment, p.moment) BETWEEN -60 AND 60 * :minutes
  WHERE p.day IS NOT NULL
    AND NOT regexp_like(p.prompts, '"session":\s*true')
  GROUP BY p.log_id, p."timestamp", p.day, p.user_id, p.asked
),
days AS (
  SELECT user_id,
         day,
         count(DISTINCT log_id) AS logins,
         count(DISTINCT CASE WHEN with_factor = 1 THEN log_id END) AS with_factor
  FROM logins
  GROUP BY user_id, day
),
unusual AS (
  SELECT today.user_id, today.day
  FROM days today
  JOIN days before
    ON before.user_id = today.user_id AND date_diff('day', before.day, today.day) BETWEEN 1 AND 30
  WHERE today.with_factor < today.logins
  GROUP BY today.user_id, today.day
  HAVING sum(before.with_factor) >= :logins
     AND 100 * sum(before.with_factor) >= :percent * sum(before.logins)
)
SELECT 'login-without-mfa' AS rule,
       l.user_id AS entity,
       substr(l."timestamp", 1, 10) AS "window",
       count(DISTINCT l.log_id) AS events,
       min(l."timestamp") AS first_seen,
       max(l."timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT l.log_id)), 1, 100), ' ') AS evidence
FROM logins l
JOIN unusual u ON u.user_id = l.user_id AND u.day = l.day
WHERE l.asked
  AND l.with_factor = 0
GROUP BY l.user_id, substr(l."timestamp", 1, 10)
ORDER BY "window", entity
