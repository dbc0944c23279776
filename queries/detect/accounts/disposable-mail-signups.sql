-- title: Signups with disposable mail addresses
-- answers: Disposable mail domains with which several accounts were created in a day.
-- cannot see: Domains that are neither well known nor named in the parameter, and mail addresses that the log
-- cannot see: stream masks.
-- parameter: accounts integer = 5 (so many accounts with one such domain in a day)
-- parameter: domains list = [] (further disposable domains, in lower case)
-- parameter: allowed_domains list = [] (domains that are never reported)
-- parameter: allowed_ips list = [] (addresses from which your own tests sign up)
-- level: low
-- types: ss
-- reference: e92605d8-716d-11f0-b2ae-723487b9527c
WITH signups AS (
  SELECT log_id,
         "timestamp",
         lower(coalesce(nullif(json_extract_scalar(details, '$.body.email'), ''), user_name)) AS mail
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'ss'
    AND "timestamp" LIKE '____-__-__T%'
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
),
domains AS (
  SELECT log_id,
         "timestamp",
         mail,
         regexp_extract(mail, '[^@]+$') AS full_domain,
         regexp_extract(mail, '[^@.]+[.][^@.]+$') AS domain
  FROM signups
  WHERE mail LIKE '%@%'
)
SELECT 'disposable-mail-signups' AS rule,
       coalesce(domain, full_domain) AS entity,
       substr("timestamp", 1, 10) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM domains
WHERE (
    domain IN (
      '10minutemail.com', '1secmail.com', 'discard.email', 'dispostable.com', 'emailondeck.com',
      'fakeinbox.com', 'getnada.com', 'grr.la', 'guerrillamail.biz', 'guerrillamail.com', 'guerrillamail.de',
      'guerrillamail.info', 'guerrillamail.net', 'guerrillamail.org', 'maildrop.cc', 'mailinator.com',
      'mailnesia.com', 'mintemail.com', 'moakt.com', 'mohmal.com', 'sharklasers.com', 'temp-mail.org',
      'tempr.email', 'throwawaymail.com', 'trashmail.com', 'yopmail.com'
    )
    OR json_array_contains(:domains, domain)
    OR json_array_contains(:domains, full_domain)
  )
  AND NOT json_array_contains(:allowed_domains, coalesce(domain, full_domain))
  AND NOT json_array_contains(:allowed_domains, full_domain)
GROUP BY coalesce(domain, full_domain), substr("timestamp", 1, 10)
HAVING count(DISTINCT mail) >= :accounts
ORDER BY "window", entity
