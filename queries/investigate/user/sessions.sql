-- title: A user's sessions
-- answers: From which clients, addresses and devices a user logged in, refreshed tokens and logged out.
-- cannot see: The end of a session that expires or is revoked through the Management API. Events without a
-- cannot see: session id are in rows without one, so that a session may be in two rows.
-- days: 7
-- parameter: user text (a user's id, mail address, phone number or name)
WITH known AS (
  SELECT array_agg(DISTINCT nullif(user_id, '')) AS ids
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND lower(:user) IN (lower(user_id), lower(user_name))
)
SELECT user_id, session, client, ip, user_agent,
       count(DISTINCT if(type NOT IN ('ssa', 'seacft', 'sertft', 'slo', 'srrt'), log_id)) AS logins,
       count(DISTINCT if(type = 'ssa', log_id)) AS silent_logins,
       count(DISTINCT if(type = 'seacft', log_id)) AS code_exchanges,
       count(DISTINCT if(type = 'sertft', log_id)) AS refreshes,
       count(DISTINCT if(type = 'slo', log_id)) AS logouts,
       count(DISTINCT if(type = 'srrt', log_id)) AS revoked_tokens,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen
FROM (
  SELECT log_id, "timestamp", type, user_id, ip, user_agent,
         coalesce(nullif(client_name, ''), client_id) AS client,
         coalesce(json_extract_scalar(details, '$.session_id'),
                  json_extract_scalar(details, '$.refresh_token.session_id'),
                  json_extract_scalar(details, '$.prompts[0].session_id')) AS session
  FROM auth0_logs
  CROSS JOIN known
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND contains(ids, user_id)
    AND type IN ('slo', 'srrt', 's', 'ssa', 'scoa', 'seacft', 'sepft', 'sertft', 'seoobft', 'seotpft',
                 'sercft', 'sens', 'sede', 'secte', 'sepkoobft', 'sepkotpft', 'sepkrcft',
                 'ciba_exchange_succeeded', 'idjag_exchange_succeeded')
)
GROUP BY user_id, session, client, ip, user_agent
ORDER BY last_seen DESC NULLS LAST, user_id, session, client, ip, user_agent
