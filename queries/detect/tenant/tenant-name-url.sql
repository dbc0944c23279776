-- title: Login over the tenant's own hostname
-- answers: Applications whose users log in past the custom domain, over Auth0's hostname, day by day.
-- cannot see: Anything before custom_domains names at least one domain: it is silent by default.
-- cannot see: Events without a hostname, such as many failed logins.
-- parameter: custom_domains list = [] (the tenant's custom domains in lower case; empty: the rule is off)
-- parameter: tenant_hostname text = \.auth0\.com$ (regular expression of the tenant's own hostname)
-- parameter: allowed_clients list = [] (client ids of applications that may use the tenant's own hostname)
-- parameter: allowed_ips list = [] (addresses that are never reported)
-- needs: custom_domains
-- level: low
-- types: s, f, fp, fu, ss, fs, w, scoa, fcoa, sepft, fepft
-- reference: 466073e8-7171-11f0-858f-723487b9527c
WITH logins AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(nullif(client_id, ''), 'unknown') AS entity
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type IN ('s', 'f', 'fp', 'fu', 'ss', 'fs', 'w', 'scoa', 'fcoa', 'sepft', 'fepft')
    AND json_array_length(:custom_domains) > 0
    AND regexp_like(lower(hostname), :tenant_hostname)
    AND NOT json_array_contains(:custom_domains, lower(hostname))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
)
SELECT 'tenant-name-url' AS rule,
       entity,
       substr("timestamp", 1, 10) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM logins
GROUP BY entity, substr("timestamp", 1, 10)
ORDER BY "window", entity
