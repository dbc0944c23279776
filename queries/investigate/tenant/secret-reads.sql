-- title: Secrets read
-- answers: Who got which secrets of clients, connections and other settings from the Management API.
-- cannot see: What was done with a secret. Reads without secrets are not logged at all.
-- days: 7
SELECT DISTINCT
       "timestamp", type, description,
       upper(json_extract_scalar(details, '$.request.method')) AS method,
       json_extract_scalar(details, '$.request.path') AS path,
       json_format(json_extract(details, '$.accessedSecrets')) AS secrets,
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
  AND (type = 'mgmt_api_read'
       OR (type = 'sapi' AND json_array_length(json_extract(details, '$.accessedSecrets')) > 0))
ORDER BY "timestamp", log_id
