-- title: Active users by month
-- answers: How many users logged in or got a token in each month; the types are those that Auth0 counts.
-- cannot see: Auth0's bill may differ. The first and last month may be only partly in the span. Events
-- cannot see: without a date are left out.
-- days: 31
-- reference: https://community.auth0.com/t/what-is-counted-as-monthly-active-users-mau/122564
SELECT substr("timestamp", 1, 7) AS "month",
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
GROUP BY substr("timestamp", 1, 7)
ORDER BY "month" DESC
