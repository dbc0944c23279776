-- title: Active users by day
-- answers: How many users logged in or got a token on each day; the types are those that Auth0 counts.
-- cannot see: Auth0's bill may differ. The first and last day may be only partly in the span. Events without
-- cannot see: a date are left out.
-- days: 30
-- reference: https://community.auth0.com/t/what-is-counted-as-monthly-active-users-mau/122564
SELECT substr("timestamp", 1, 10) AS "day",
       count(DISTINCT user_id) AS users,
       count(DISTINCT if(type IN ('s', 'scoa', 'sens', 'sepft'), user_id)) AS users_logged_in,
       count(DISTINCT log_id) AS events
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND type IN ('s', 'ssa', 'scoa', 'sens', 'seacft', 'sepft', 'sertft', 'seoobft', 'seotpft', 'sercft')
  AND nullif(user_id, '') IS NOT NULL
  AND "timestamp" LIKE '20%'
GROUP BY substr("timestamp", 1, 10)
ORDER BY "day" DESC
