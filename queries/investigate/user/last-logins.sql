-- title: Last login of each user
-- answers: When, how and from where each user logged in last, the longest ago first.
-- cannot see: Users without a login in the span. Silent logins and refreshed tokens count as logins, though
-- cannot see: the user need not be present. Deleted users are still listed.
-- days: 30
SELECT user_id, user_name, "timestamp" AS last_login, type, ip, client_name
FROM (
  SELECT user_id, user_name, "timestamp", type, ip, client_name,
         row_number() OVER (PARTITION BY user_id ORDER BY "timestamp" DESC, log_id DESC) AS place
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('s', 'ssa', 'scoa', 'seacft', 'sepft', 'sertft', 'seoobft', 'seotpft', 'sercft', 'sens',
                 'sede', 'secte', 'sepkoobft', 'sepkotpft', 'sepkrcft', 'ciba_exchange_succeeded',
                 'idjag_exchange_succeeded')
    AND nullif(user_id, '') IS NOT NULL
    AND "timestamp" LIKE '20%'
)
WHERE place = 1
ORDER BY last_login, user_id
