-- title: The plan of an erasure
-- answers: Which JSON objects have lines that name a person, and how many: what has to be edited to erase
-- answers: that person. The runbook of an erasure says how.
-- cannot see: Fields that another writer left at the top level of its lines; Parquet has them in extra. Lines
-- cannot see: that name the person by something else: ask again for each id, name and address. What lies
-- cannot see: under error/ and rejected/. Text is found within longer text too.
-- days: 365
-- parameter: user text (an id, a name, a mail address, a phone number)
SELECT "date", "hour", "$path" AS object, count(*) AS "lines"
FROM auth0_logs_json
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND strpos(lower(concat_ws(' ', user_id, user_name, description, details, extra)), lower(:user)) > 0
GROUP BY "date", "hour", "$path"
ORDER BY "date", "hour", "$path"
