-- title: When each client was seen last
-- answers: The last event of each client (application), with its users and tokens, the longest ago first.
-- cannot see: Clients without an event in the span. In failures the client's id may be one that does not
-- cannot see: exist.
-- days: 30
SELECT client_id,
       max_by(client_name, "timestamp" || log_id) AS client_name,
       max("timestamp") AS last_seen,
       max_by(type, "timestamp" || log_id) AS last_type,
       count(DISTINCT log_id) AS events,
       count(DISTINCT nullif(user_id, '')) AS users,
       count(DISTINCT if(type IN ('seacft', 'seccft', 'sepft', 'sertft'), log_id)) AS tokens
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND nullif(client_id, '') IS NOT NULL
  AND "timestamp" LIKE '20%'
GROUP BY client_id
ORDER BY last_seen, client_id
