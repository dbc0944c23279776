-- title: Users with the most failures
-- answers: Which users had the most events of failure, of any type, and of which types.
-- cannot see: Failures without a user. A user is counted twice if some failures have the id and others only
-- cannot see: the name. Failed silent logins are left out, because they are normal.
-- days: 7
-- parameter: top integer = 50 (how many users)
SELECT who,
       max(user_name) AS user_name,
       count(DISTINCT log_id) AS failures,
       count(DISTINCT ip) AS ips,
       array_join(array_sort(array_agg(DISTINCT type)), ' ') AS types,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen
FROM (
  SELECT coalesce(nullif(user_id, ''), lower(nullif(user_name, ''))) AS who,
         user_name, log_id, ip, type, "timestamp"
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND regexp_like(type, '^f|fail|limit|leak|reject|error')
    AND NOT regexp_like(type, '^fsa$|(completed|succeeded)$')
)
WHERE who IS NOT NULL
GROUP BY who
ORDER BY failures DESC, who
LIMIT :top
