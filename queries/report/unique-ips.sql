-- title: Addresses by day
-- answers: How many different addresses were seen on each day, and how many had logins and failed logins.
-- cannot see: How many people or devices: many share an address, and one may have many. Days are those of
-- cannot see: arrival, in UTC.
-- days: 30
SELECT "date",
       count(DISTINCT nullif(ip, '')) AS ips,
       count(DISTINCT if(type IN ('s', 'sepft'), nullif(ip, ''))) AS ips_with_logins,
       count(DISTINCT if(type IN ('f', 'fp', 'fu', 'fepft', 'fcoa'), nullif(ip, ''))) AS ips_with_failures
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
GROUP BY "date"
ORDER BY "date" DESC
