-- title: Error page that writes a value unescaped
-- answers: Who set an error page whose template writes a variable to the page without an escape filter.
-- cannot see: Whether an attacker can choose the variable's value, and templates of other pages.
-- cannot see: A filter of its own whose name begins with e, h or u is taken for an escape.
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
-- reference: 8281291e-51b4-46a9-8012-955e20206efd
WITH pages AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(nullif(user_id, ''),
                  nullif(json_extract_scalar(details, '$.request.auth.user.user_id'), ''),
                  nullif(client_id, ''), nullif(ip, ''), 'unknown') AS entity,
         coalesce(json_extract_scalar(details, '$.response.body.error_page.html'),
                  json_extract_scalar(details, '$.request.body.error_page.html')) AS html
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('patch', 'put', 'post')
          AND regexp_like(json_extract_scalar(details, '$.request.path'), '^(/api)?/v2/tenants/settings/?$'))
         OR lower(description) IN ('update tenant settings', 'update a tenant'))
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
    AND (json_extract(details, '$.request.body.error_page') IS NOT NULL
         OR coalesce(json_format(json_extract(details, '$.request.body')), 'null') = 'null')
)
SELECT 'unescaped-error-page' AS rule,
       entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM pages
WHERE regexp_like(html, '\{\{-?\s*[A-Za-z_][^{}|]*'
                        || '(\|\s*([a-df-gi-tv-z_]|upcase|uniq|url_decode)[^{}|]*)*\}\}')
GROUP BY entity, substr("timestamp", 1, 13)
ORDER BY "window", entity
