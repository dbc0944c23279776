-- title: Login with the TLS fingerprint of an attack
-- answers: Users who logged in with a TLS fingerprint (JA4) with which nearly all logins of that hour failed.
-- cannot see: A login in another hour than the attack, and an attack from an ordinary browser, whose
-- cannot see: fingerprint it shares with all its users. Events without a fingerprint are left out.
-- parameter: failures integer = 30 (so many failed or blocked logins with one fingerprint in an hour)
-- parameter: users integer = 10 (of so many different users)
-- parameter: percent integer = 90 (and at least this share of all logins with it)
-- parameter: allowed_fingerprints list = [] (JA4 fingerprints that are never reported)
-- level: high
-- types: s, scoa, fp, fu, fcoa, pwd_leak, limit_wc, limit_sul, limit_mu
-- fields: extra $.security_context.ja4
-- reference: 0c71d42b-d918-4698-a849-d5d5ee5b208b
WITH logins AS (
  SELECT log_id,
         "timestamp",
         substr("timestamp", 1, 13) AS "window",
         json_extract_scalar(extra, '$.security_context.ja4') AS ja4,
         coalesce(nullif(user_id, ''), lower(nullif(user_name, ''))) AS who,
         type IN ('s', 'scoa') AS succeeded
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('s', 'scoa', 'fp', 'fu', 'fcoa', 'pwd_leak', 'limit_wc', 'limit_sul', 'limit_mu')
    AND "timestamp" LIKE '____-__-__T%'
),
fingerprints AS (
  SELECT ja4, "window"
  FROM logins
  WHERE ja4 <> ''
    AND NOT json_array_contains(:allowed_fingerprints, ja4)
  GROUP BY ja4, "window"
  HAVING count(DISTINCT CASE WHEN NOT succeeded THEN log_id END) >= :failures
     AND count(DISTINCT CASE WHEN NOT succeeded THEN who END) >= :users
     AND 100 * count(DISTINCT CASE WHEN NOT succeeded THEN log_id END) >= :percent * count(DISTINCT log_id)
)
SELECT 'suspicious-tls-fingerprint' AS rule,
       coalesce(l.who, l.ja4) AS entity,
       l."window" AS "window",
       count(DISTINCT l.log_id) AS events,
       min(l."timestamp") AS first_seen,
       max(l."timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT l.log_id)), 1, 100), ' ') AS evidence
FROM logins l
JOIN fingerprints f ON f.ja4 = l.ja4 AND f."window" = l."window"
WHERE l.succeeded
GROUP BY coalesce(l.who, l.ja4), l."window"
ORDER BY "window", entity
