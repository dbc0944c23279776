-- title: Addresses with the most failures
-- answers: Which addresses had the most events of failure, of any type, and of which types.
-- cannot see: Failures without an address. Failed silent logins are left out, because they are normal.
-- days: 7
-- parameter: top integer = 50 (how many addresses)
SELECT ip,
       count(DISTINCT log_id) AS failures,
       count(DISTINCT coalesce(nullif(user_id, ''), user_name)) AS users,
       array_join(array_sort(array_agg(DISTINCT type)), ' ') AS types,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND regexp_like(type, '^f|fail|limit|leak|reject|error')
  AND NOT regexp_like(type, '^fsa$|(completed|succeeded)$')
  AND nullif(ip, '') IS NOT NULL
GROUP BY ip
ORDER BY failures DESC, ip
LIMIT :top
