-- title: Management API changes
-- answers: Who changed what in the tenant's settings or its users, in the Dashboard or through the API.
-- cannot see: Reads; secret-reads has those of secrets. Calls that fail have no event as a rule: see status.
-- cannot see: Changes by SCIM are events of type sscim. Of a machine, done_by is the client's id.
-- days: 7
SELECT DISTINCT
       "timestamp",
       description,
       upper(json_extract_scalar(details, '$.request.method')) AS method,
       json_extract_scalar(details, '$.request.path') AS path,
       json_extract_scalar(details, '$.response.statusCode') AS status,
       json_extract_scalar(details, '$.request.channel') AS channel,
       coalesce(json_extract_scalar(details, '$.request.auth.user.email'),
                json_extract_scalar(details, '$.request.auth.user.name'),
                json_extract_scalar(details, '$.request.auth.user.user_id'),
                nullif(user_id, ''),
                client_id) AS done_by,
       client_id, ip, log_id
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND type = 'sapi'
  AND coalesce(lower(json_extract_scalar(details, '$.request.method')), '') <> 'get'
ORDER BY "timestamp", log_id
