-- title: Role of an administrator granted
-- answers: Users and members who were granted a role that rules.
-- cannot see: Calls name a role by its id: a role created before the day before has to be given by id.
-- cannot see: Roles that Actions, connections or SCIM groups grant.
-- parameter: roles list = [] (ids of the roles that rule, such as rol_...)
-- parameter: names text = admin|administrator|owner|superuser|root (words in the name of such a role)
-- parameter: allowed_ips list = [] (addresses from which a change is never reported)
-- parameter: allowed_clients list = [] (client ids whose changes are never reported)
-- level: medium
-- types: sapi
WITH ruling AS (
  SELECT coalesce(json_extract_scalar(details, '$.response.body.id'),
                  regexp_extract(json_extract_scalar(details, '$.request.path'), '/roles/([^/]+)', 1)) AS role
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date - INTERVAL '1' DAY AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND lower(json_extract_scalar(details, '$.request.method')) IN ('post', 'patch')
    AND regexp_like(json_extract_scalar(details, '$.request.path'), '^(/api)?/v2/roles(/[^/]+)?/?$')
    AND regexp_like(lower(coalesce(json_extract_scalar(details, '$.response.body.name'),
                                   json_extract_scalar(details, '$.request.body.name'))),
                    '(^|[^a-z])(' || :names || ')s?([^a-z]|$)')
),
calls AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(try_cast(json_extract(details, '$.request.body.roles') AS array(varchar)),
                  try(CAST(json_parse('["' || regexp_extract(json_extract_scalar(details, '$.request.path'),
                                                             '/roles/([^/]+)/users/?$', 1)
                                      || '"]') AS array(varchar)))) AS roles,
         coalesce(try_cast(json_extract(details, '$.request.body.users') AS array(varchar)),
                  try_cast(json_extract(details, '$.request.body.owners') AS array(varchar)),
                  try(CAST(json_parse('["' || regexp_extract(json_extract_scalar(details, '$.request.path'),
                                                             '/(users|members)/([^/]+)(/roles)?/?$', 2)
                                      || '"]') AS array(varchar))),
                  try(CAST(json_parse('["unknown"]') AS array(varchar)))) AS users
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) IN ('post', 'put', 'patch')
          AND (regexp_like(json_extract_scalar(details, '$.request.path'),
                           '^(/api)?/v2/(users/[^/]+/roles|roles/[^/]+/users)/?$')
               OR regexp_like(json_extract_scalar(details, '$.request.path'),
                              '^(/api)?/v2/organizations/[^/]+/members/[^/]+/roles/?$')
               OR regexp_like(json_extract_scalar(details, '$.request.path'),
                              '^(/api)?/v2/tenants/([^/]+/)*(invitations|members)(/[^/]+)?(/roles)?/?$')))
         OR lower(description) = 'create tenant invitations for a given client')
    AND NOT json_array_contains(:allowed_ips, coalesce(ip, ''))
    AND NOT json_array_contains(:allowed_clients, coalesce(client_id, ''))
)
SELECT 'admin-role-granted' AS rule,
       replace(replace(granted_to, '%7C', '|'), '%7c', '|') AS entity,
       substr("timestamp", 1, 13) AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM calls
CROSS JOIN UNNEST(roles) AS r(role)
CROSS JOIN UNNEST(users) AS u(granted_to)
WHERE granted_to <> ''
  AND (json_array_contains(:roles, role)
       OR regexp_like(lower(role), '(^|[^a-z])(' || :names || ')s?([^a-z]|$)')
       OR role IN (SELECT role FROM ruling))
GROUP BY replace(replace(granted_to, '%7C', '|'), '%7c', '|'), substr("timestamp", 1, 13)
ORDER BY "window", entity
