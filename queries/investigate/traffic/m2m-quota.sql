-- title: Machine-to-machine tokens by client
-- answers: How many tokens each client got with client credentials, and was refused, by day and by month.
-- cannot see: Months that are only partly in the span are too low. Auth0's own count, which it bills, may
-- cannot see: differ.
-- days: 31
WITH daily AS (
  SELECT substr("timestamp", 1, 10) AS "day",
         client_id,
         max(nullif(client_name, '')) AS client_name,
         count(DISTINCT if(type = 'seccft', log_id)) AS tokens,
         count(DISTINCT if(type = 'feccft', log_id)) AS refused
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('seccft', 'feccft')
    AND "timestamp" LIKE '20%'
  GROUP BY substr("timestamp", 1, 10), client_id
),
monthly AS (
  SELECT substr("day", 1, 7) AS "month", client_id, sum(tokens) AS tokens
  FROM daily
  GROUP BY substr("day", 1, 7), client_id
)
SELECT m."month", d."day", d.client_id, d.client_name, d.tokens, d.refused, m.tokens AS tokens_in_month
FROM daily d
JOIN monthly m ON m."month" = substr(d."day", 1, 7) AND coalesce(m.client_id, '') = coalesce(d.client_id, '')
ORDER BY m."month" DESC, d."day" DESC, tokens_in_month DESC, d.client_id
