-- title: MFA changes
-- answers: Second factors added, removed, recovered or refused, by users and through the Management API.
-- cannot see: Whose factor it was if the path of a Management API call has only the factor's id; user_id is
-- cannot see: the caller.
-- days: 7
SELECT DISTINCT
       "timestamp", type, user_id, user_name, ip,
       coalesce(json_extract_scalar(details, '$.authenticator.type'),
                json_extract_scalar(details, '$.authentication_method')) AS factor,
       upper(json_extract_scalar(details, '$.request.method')) AS method,
       json_extract_scalar(details, '$.request.path') AS path,
       user_agent, log_id
FROM auth0_logs
WHERE "date" BETWEEN :from_date AND :to_date
  AND ("date" > :from_date OR "hour" >= :from_hour)
  AND ("date" < :to_date OR "hour" <= :to_hour)
  AND (type IN ('gd_enrollment_complete', 'gd_unenroll', 'gd_update_device_account', 'gd_recovery_succeed',
                'gd_recovery_failed', 'gd_recovery_rate_limit_exceed', 'gd_auth_rejected',
                'gd_otp_rate_limit_exceed', 'gd_webauthn_enrollment_failed', 'gd_tenant_update',
                'my_account_authentication_method_succeeded', 'my_account_authentication_method_failed')
       OR (type = 'sapi'
           AND lower(json_extract_scalar(details, '$.request.method')) IN ('post', 'put', 'patch', 'delete')
           AND coalesce(json_extract_scalar(details, '$.response.statusCode'), '200') LIKE '2%'
           AND regexp_like(
             json_extract_scalar(details, '$.request.path'),
             '^(/api)?/v2/(guardian/|users/[^/]+/(auth|multifactor|recovery-code))'
           )))
ORDER BY "timestamp", log_id
