-- title: Phone number of many users
-- answers: Phone numbers that several users enrolled as a second factor within 30 days.
-- cannot see: Where Auth0 logs a part of the number only, users count as sharing it if they also enrolled
-- cannot see: from the same address. A number that is masked whole is left out. Families share phones.
-- parameter: users integer = 3 (so many different users with one number)
-- parameter: allowed_ips list = [] (addresses from which your own staff enrols phones)
-- level: medium
-- types: gd_enrollment_complete
-- reference: 25b35d32-716b-11f0-a54e-723487b9527c
WITH enrolments AS (
  SELECT log_id,
         "timestamp",
         try_cast(substr("timestamp", 1, 10) AS date) AS day,
         user_id,
         coalesce(ip, '') AS ip,
         coalesce(
           nullif(json_extract_scalar(details, '$.authenticator.phone_number'), ''),
           json_extract_scalar(details, '$.enrollment.phone_number')
         ) AS phone,
         "date" > :from_date OR ("date" = :from_date AND "hour" >= :from_hour) AS asked
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date - INTERVAL '31' DAY AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'gd_enrollment_complete'
    AND user_id <> ''
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
),
phones AS (
  SELECT log_id,
         "timestamp",
         day,
         user_id,
         CASE WHEN regexp_like(phone, '[Xx*]') THEN phone || ' at ' || ip ELSE phone END AS phone,
         asked
  FROM enrolments
  WHERE day IS NOT NULL
    AND regexp_like(phone, '[0-9]')
),
days AS (
  SELECT DISTINCT phone, day, substr("timestamp", 1, 10) AS "window"
  FROM phones
  WHERE asked
)
SELECT 'phone-of-many-users' AS rule,
       d.phone AS entity,
       d."window" AS "window",
       count(DISTINCT p.log_id) AS events,
       min(p."timestamp") AS first_seen,
       max(p."timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT p.log_id)), 1, 100), ' ') AS evidence
FROM days d
JOIN phones p ON p.phone = d.phone AND date_diff('day', p.day, d.day) BETWEEN 0 AND 30
GROUP BY d.phone, d."window"
HAVING count(DISTINCT p.user_id) >= :users
ORDER BY "window", entity
