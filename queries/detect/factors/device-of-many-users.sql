-- title: Guardian app of many users
-- answers: Devices whose Guardian app several users enrolled as a second factor within 30 days.
-- cannot see: Another authenticator app, or a device whose Guardian app was installed anew between the users.
-- parameter: users integer = 3 (so many different users with one device)
-- parameter: allowed_ips list = [] (addresses from which your own staff enrols devices)
-- level: medium
-- types: gd_enrollment_complete
-- fields: details $.enrollment.identifier
-- reference: bad8fcc0-716e-11f0-b852-723487b9527c
WITH enrolments AS (
  SELECT log_id,
         "timestamp",
         try_cast(substr("timestamp", 1, 10) AS date) AS day,
         user_id,
         json_extract_scalar(details, '$.enrollment.identifier') AS device,
         "date" > :from_date OR ("date" = :from_date AND "hour" >= :from_hour) AS asked
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date - INTERVAL '31' DAY AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'gd_enrollment_complete'
    AND user_id <> ''
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
),
days AS (
  SELECT DISTINCT device, day, substr("timestamp", 1, 10) AS "window"
  FROM enrolments
  WHERE asked
    AND day IS NOT NULL
    AND device <> ''
)
SELECT 'device-of-many-users' AS rule,
       d.device AS entity,
       d."window" AS "window",
       count(DISTINCT e.log_id) AS events,
       min(e."timestamp") AS first_seen,
       max(e."timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT e.log_id)), 1, 100), ' ') AS evidence
FROM days d
JOIN enrolments e ON e.device = d.device AND date_diff('day', e.day, d.day) BETWEEN 0 AND 30
GROUP BY d.device, d."window"
HAVING count(DISTINCT e.user_id) >= :users
ORDER BY "window", entity
