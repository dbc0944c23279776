-- title: Risk of a tenant takeover
-- answers: Who removed several members of the tenant shortly after a new owner was invited.
-- cannot see: Tenants whose members are managed in Auth0 Teams: their logs lack these events.
-- cannot see: A takeover that waits longer, and one without an invitation.
-- parameter: minutes integer = 60 (so many minutes after an invitation a removal is suspicious)
-- parameter: members integer = 2 (so many members have to be removed in an hour)
-- parameter: roles list = ["owner","admin"] (roles that rule the tenant)
-- parameter: allowed_users list = [] (user ids that may remove members)
-- level: high
-- types: sapi
-- reference: 711501ce-716e-11f0-8b6e-723487b9527c
WITH removals AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(json_extract_scalar(extra, '$.tenant_name'), '') AS tenant,
         coalesce(nullif(user_id, ''),
                  nullif(json_extract_scalar(details, '$.request.auth.user.user_id'), ''),
                  nullif(client_id, ''), nullif(ip, ''), 'unknown') AS entity
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) = 'delete'
          AND regexp_like(json_extract_scalar(details, '$.request.path'),
                          '^(/api)?/v2/tenants/([^/]+/)?members/[^/]+/?$'))
         OR lower(description) = 'delete tenant member')
),
invitations AS (
  SELECT log_id,
         coalesce(nullif("timestamp", ''), CAST("date" AS varchar) || 'T' || "hour") AS "timestamp",
         coalesce(json_extract_scalar(extra, '$.tenant_name'), '') AS tenant
  FROM auth0_logs
  CROSS JOIN UNNEST(try_cast(json_extract(details, '$.request.body.roles') AS array(varchar))) AS t(role)
  WHERE "date" BETWEEN :from_date - INTERVAL '1' DAY AND :to_date
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND type = 'sapi'
    AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
    AND ((lower(json_extract_scalar(details, '$.request.method')) = 'post'
          AND regexp_like(json_extract_scalar(details, '$.request.path'),
                          '^(/api)?/v2/tenants/([^/]+/)*invitations/?$'))
         OR lower(description) = 'create tenant invitations for a given client')
    AND json_array_contains(:roles, role)
),
pairs AS (
  SELECT r.entity, substr(r."timestamp", 1, 13) AS hour_of_removal,
         r.log_id AS removal, r."timestamp" AS removed_at,
         i.log_id AS invitation, i."timestamp" AS invited_at
  FROM removals AS r
  JOIN invitations AS i ON i.tenant = r.tenant
  WHERE NOT json_array_contains(:allowed_users, r.entity)
    AND date_diff('second', try(from_iso8601_timestamp(i."timestamp")),
                  try(from_iso8601_timestamp(r."timestamp"))) BETWEEN 0 AND 60 * :minutes
),
takeover AS (
  SELECT entity, hour_of_removal, removal AS log_id, removed_at AS "timestamp", removal FROM pairs
  UNION
  SELECT entity, hour_of_removal, invitation, invited_at, NULL FROM pairs
)
SELECT 'tenant-takeover' AS rule,
       entity,
       hour_of_removal AS "window",
       count(DISTINCT log_id) AS events,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen,
       array_join(slice(array_sort(array_agg(DISTINCT log_id)), 1, 100), ' ') AS evidence
FROM takeover
GROUP BY entity, hour_of_removal
HAVING count(DISTINCT removal) >= :members
ORDER BY "window", entity
