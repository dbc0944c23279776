-- title: What an address did
-- answers: The events of one ip by hour and type, with how many users and clients, and some of the users.
-- cannot see: Requests that a proxy forwards: Auth0 then names the proxy's address, or the one that the proxy
-- cannot see: tells. An IPv6 address must be written as Auth0 writes it.
-- days: 7
-- parameter: ip text (an IPv4 or IPv6 address)
SELECT substr("timestamp", 1, 13) AS "hour",
       type,
       count(DISTINCT log_id) AS events,
       count(DISTINCT who) AS users,
       count(DISTINCT client_id) AS clients,
       count(DISTINCT user_agent) AS user_agents,
       array_join(slice(array_sort(array_agg(DISTINCT who)), 1, 10), ' ') AS some_users,
       min("timestamp") AS first_seen,
       max("timestamp") AS last_seen
FROM (
  SELECT log_id, "timestamp", type, client_id, user_agent,
         coalesce(nullif(user_name, ''), nullif(user_id, '')) AS who
  FROM auth0_logs
  WHERE "date" BETWEEN :from_date AND :to_date
    AND ("date" > :from_date OR "hour" >= :from_hour)
    AND ("date" < :to_date OR "hour" <= :to_hour)
    AND ip = :ip
)
GROUP BY substr("timestamp", 1, 13), type
ORDER BY "hour", events DESC, type
