-- title: A user's timeline
-- answers: All events of one user, in the order in which they happened.
-- cannot see: What an administrator changed in the user's account; management-changes has that. Users who
-- cannot see: have the same name are shown together. A name and an id belong together only if an event of the
-- cannot see: span has both. An administrator's calls of the Management API are found by id only.
-- days: 7
-- parameter: user text (a user's id, mail address, phone number or name)
WITH known AS (
  SELECT array_agg(DISTINCT nullif(user_id, '')) AS ids,
         array_agg(DISTINCT lower(nullif(user_name, ''))) AS names
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND lower(:user) IN (lower(user_id), lower(user_name))
)
SELECT DISTINCT
       "timestamp", type, description, ip, client_name, connection,
       coalesce(json_extract_scalar(details, '$.error.message'),
                json_extract_scalar(details, '$.error')) AS error,
       user_id, user_name, user_agent, log_id
FROM auth0_logs
CROSS JOIN known
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND (contains(ids, user_id) OR (nullif(user_id, '') IS NULL AND contains(names, lower(user_name))))
ORDER BY "timestamp", log_id
