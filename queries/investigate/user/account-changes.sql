-- title: Passwords, mails and accounts changed
-- answers: Changed passwords, mail addresses, phone numbers and user names, deleted and unblocked users.
-- cannot see: Changes through the Management API of which Auth0 writes only an sapi event; management-changes
-- cannot see: has these.
-- days: 7
SELECT DISTINCT "timestamp", type, description, user_id, user_name, ip, client_name, log_id
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND type IN ('scp', 'scpr', 'sce', 'scpn', 'scu', 'sdu', 'ublkdu')
ORDER BY "timestamp", log_id
