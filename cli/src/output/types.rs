//! What the types of events mean, in a few words each. Auth0 adds types; one that is not here has no meaning yet.

use self::Outcome::{Failure, Notice, Success};

/// How what an event tells of went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Success,
    /// It failed or was refused.
    Failure,
    /// Neither: something was sent, asked for or noticed.
    Notice,
}

/// What the type `code` means. `None` if it is not known.
pub fn meaning(code: &str) -> Option<(Outcome, &'static str)> {
    let found = TYPES.binary_search_by_key(&code, |(code, ..)| code).ok()?;
    let (_, outcome, meaning) = TYPES[found];
    Some((outcome, meaning))
}

/// The types of which Auth0 publishes a schema, by code.
#[rustfmt::skip]
const TYPES: [(&str, Outcome, &str); 166] = [
    ("acls_summary", Notice, "summary of network ACLs"),
    ("actions_execution_failed", Failure, "Action failed"),
    ("acul_sdk_notice", Notice, "notice of the login pages' SDK"),
    ("api_limit", Notice, "API rate limit reached"),
    ("api_limit_warning", Notice, "API rate limit near"),
    ("appi", Notice, "API peak rate began"),
    ("ciba_exchange_failed", Failure, "CIBA: no token issued"),
    ("ciba_exchange_succeeded", Success, "CIBA: token issued"),
    ("ciba_start_failed", Failure, "CIBA: request refused"),
    ("ciba_start_succeeded", Success, "CIBA: request started"),
    ("cls", Notice, "passwordless code or link sent"),
    ("connected_accounts_connection_failed", Failure, "external account not connected"),
    ("connected_accounts_connection_succeeded", Success, "external account connected"),
    ("connected_accounts_delete_failed", Failure, "external account not disconnected"),
    ("connected_accounts_delete_succeeded", Success, "external account disconnected"),
    ("cs", Notice, "passwordless code sent"),
    ("custom_domain_verification_failed", Failure, "custom domain not verified"),
    ("depnote", Notice, "deprecated feature used"),
    ("directory_sync_completed", Success, "directory synchronised"),
    ("directory_sync_failed", Failure, "directory not synchronised"),
    ("directory_sync_started", Notice, "directory synchronisation began"),
    ("f", Failure, "failed login"),
    ("failed_on_behalf_of_token_exchange", Failure, "token not exchanged on a user's behalf"),
    ("fce", Failure, "mail address not changed"),
    ("fco", Failure, "origin refused (CORS)"),
    ("fcoa", Failure, "failed cross-origin login"),
    ("fcp", Failure, "password not changed"),
    ("fcph", Failure, "hook after a password change failed"),
    ("fcpn", Failure, "phone number not changed"),
    ("fcpr", Failure, "password change request refused"),
    ("fcpro", Failure, "AD/LDAP connector not provisioned"),
    ("fcu", Failure, "user name not changed"),
    ("fd", Failure, "delegation token refused"),
    ("fdeac", Failure, "device not activated"),
    ("fdeaz", Failure, "device request refused"),
    ("fdecc", Failure, "device confirmation cancelled by the user"),
    ("fdeleacft", Failure, "delegated code not exchanged"),
    ("fdelsa", Failure, "failed delegated silent login"),
    ("fdu", Failure, "user not deleted"),
    ("feacft", Failure, "code not exchanged for a token"),
    ("feccft", Failure, "client credentials refused"),
    ("fecte", Failure, "custom token not exchanged"),
    ("fede", Failure, "device code not exchanged"),
    ("federated_logout_failed", Failure, "federated logout failed"),
    ("fens", Failure, "native social login not exchanged"),
    ("feoobft", Failure, "password and out-of-band code refused"),
    ("feotpft", Failure, "password and one-time code refused"),
    ("fepft", Failure, "password not exchanged for a token"),
    ("fepotpft", Failure, "passwordless code not exchanged"),
    ("fercft", Failure, "password and recovery code refused"),
    ("ferrt", Failure, "rotating refresh token refused"),
    ("fertft", Failure, "refresh token refused"),
    ("feta", Failure, "Token Vault: token not exchanged"),
    ("fi", Failure, "invitation not accepted"),
    ("flo", Failure, "failed logout"),
    ("flows_execution_completed", Success, "flow run to its end"),
    ("flows_execution_failed", Failure, "flow failed"),
    ("fn", Failure, "notification not sent"),
    ("forms_submission_failed", Failure, "form not submitted"),
    ("forms_submission_succeeded", Success, "form submitted"),
    ("fp", Failure, "wrong password"),
    ("fpar", Failure, "pushed authorization request refused"),
    ("fpurh", Failure, "hook after a registration failed"),
    ("fs", Failure, "failed signup"),
    ("fsa", Failure, "failed silent login"),
    ("fscim", Failure, "SCIM operation failed"),
    ("fu", Failure, "unknown user name"),
    ("fui", Failure, "users not imported"),
    ("fv", Failure, "verification mail not sent"),
    ("fvr", Failure, "verification mail request failed"),
    ("gd_auth_email_verification", Notice, "MFA mail verified"),
    ("gd_auth_failed", Failure, "second factor wrong"),
    ("gd_auth_rejected", Failure, "second factor refused by the user"),
    ("gd_auth_succeed", Success, "second factor accepted"),
    ("gd_enrollment_complete", Success, "second factor enrolled"),
    ("gd_otp_rate_limit_exceed", Failure, "too many wrong one-time codes"),
    ("gd_recovery_failed", Failure, "recovery code wrong"),
    ("gd_recovery_succeed", Success, "recovery code accepted"),
    ("gd_send_email", Notice, "MFA mail sent"),
    ("gd_send_email_verification", Notice, "MFA verification mail sent"),
    ("gd_send_pn", Notice, "MFA push sent"),
    ("gd_send_pn_failure", Failure, "MFA push not sent"),
    ("gd_send_sms", Notice, "MFA SMS sent"),
    ("gd_send_sms_failure", Failure, "MFA SMS not sent"),
    ("gd_send_voice", Notice, "MFA call made"),
    ("gd_send_voice_failure", Failure, "MFA call not made"),
    ("gd_start_auth", Notice, "second factor asked for"),
    ("gd_start_enroll", Notice, "second factor enrolment began"),
    ("gd_start_enroll_failed", Failure, "second factor enrolment not started"),
    ("gd_tenant_update", Notice, "MFA settings changed"),
    ("gd_unenroll", Notice, "second factor removed"),
    ("gd_update_device_account", Notice, "second factor's device changed"),
    ("gd_webauthn_challenge_failed", Failure, "WebAuthn challenge failed"),
    ("gd_webauthn_enrollment_failed", Failure, "WebAuthn device not enrolled"),
    ("idjag_exchange_failed", Failure, "identity assertion not exchanged"),
    ("idjag_exchange_succeeded", Success, "identity assertion exchanged for a token"),
    ("jwt_bearer_exchange_failed", Failure, "JWT assertion not exchanged"),
    ("kms_key_management_failure", Failure, "operation on a key failed"),
    ("kms_key_management_success", Success, "operation on a key done"),
    ("kms_key_state_changed", Notice, "state of a key changed"),
    ("limit_delegation", Notice, "user blocked: too many delegations"),
    ("limit_mu", Notice, "ip blocked: many users tried"),
    ("limit_phone", Notice, "user blocked: too many messages"),
    ("limit_sul", Notice, "user blocked: too many logins"),
    ("limit_wc", Notice, "ip blocked: one account tried too often"),
    ("mfar", Notice, "MFA required"),
    ("mgmt_api_read", Notice, "Management API: secret read"),
    ("my_account_authentication_method_failed", Failure, "user's change of a method failed"),
    ("my_account_authentication_method_succeeded", Success, "user changed an authentication method"),
    ("oidc_backchannel_logout_failed", Failure, "back-channel logout not delivered"),
    ("oidc_backchannel_logout_succeeded", Success, "back-channel logout delivered"),
    ("organization_member_added", Success, "member added to an organization"),
    ("passkey_challenge_failed", Failure, "passkey challenge failed"),
    ("passkey_challenge_started", Notice, "passkey challenge began"),
    ("pla", Notice, "assessed before login"),
    ("pwd_leak", Notice, "login with a leaked password"),
    ("reset_pwd_leak", Notice, "reset to a leaked password"),
    ("resource_cleanup", Notice, "resources over a limit removed"),
    ("rich_consents_access_error", Failure, "consent details not read"),
    ("s", Success, "login"),
    ("sapi", Success, "Management API: change"),
    ("sce", Success, "mail address changed"),
    ("scoa", Success, "cross-origin login"),
    ("scp", Success, "password changed"),
    ("scpn", Success, "phone number changed"),
    ("scpr", Success, "password change requested"),
    ("scu", Success, "user name changed"),
    ("scv", Success, "credentials valid"),
    ("sd", Success, "delegation token issued"),
    ("sdel", Success, "delegated login"),
    ("sdeleacft", Success, "delegated code exchanged for a token"),
    ("sdelsa", Success, "delegated silent login"),
    ("sdu", Success, "user deleted"),
    ("seacft", Success, "code exchanged for a token"),
    ("seccft", Success, "client credentials exchanged for a token"),
    ("secte", Success, "custom token exchanged"),
    ("sede", Success, "device code exchanged for a token"),
    ("sens", Success, "native social login exchanged"),
    ("seoobft", Success, "password and out-of-band code: token issued"),
    ("seotpft", Success, "password and one-time code: token issued"),
    ("sepft", Success, "password exchanged for a token"),
    ("sepkoobft", Success, "passkey and out-of-band code: token issued"),
    ("sepkotpft", Success, "passkey and one-time code: token issued"),
    ("sepkrcft", Success, "passkey and recovery code: token issued"),
    ("sercft", Success, "password and recovery code: token issued"),
    ("sertft", Success, "refresh token exchanged"),
    ("seta", Success, "Token Vault: token exchanged"),
    ("si", Success, "invitation accepted"),
    ("slo", Success, "logout"),
    ("srrt", Success, "refresh token revoked"),
    ("ss", Success, "signup"),
    ("ss_sso_failure", Failure, "self-service SSO: failed"),
    ("ss_sso_info", Notice, "self-service SSO: information"),
    ("ss_sso_success", Success, "self-service SSO: done"),
    ("ssa", Success, "silent login"),
    ("sscim", Success, "SCIM operation done"),
    ("success_on_behalf_of_token_exchange", Success, "token exchanged on a user's behalf"),
    ("sui", Success, "users imported"),
    ("sv", Success, "mail address verified"),
    ("svr", Success, "verification mail requested"),
    ("ublkdu", Success, "block of a user lifted"),
    ("universal_logout_failed", Failure, "universal logout failed"),
    ("universal_logout_succeeded", Success, "universal logout done"),
    ("w", Notice, "warning at login"),
    ("wn", Notice, "warning"),
    ("wum", Notice, "warning of user management"),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn types_are_found_by_their_code() {
        assert!(TYPES.is_sorted_by(|(one, ..), (next, ..)| one < next));
        assert_eq!(meaning("fp"), Some((Failure, "wrong password")));
        assert_eq!(meaning("sapi"), Some((Success, "Management API: change")));
        assert_eq!((meaning("zzz"), meaning("")), (None, None));
    }

    /// Where Auth0's schemas lie beside the project, none of them is forgotten.
    #[test]
    fn every_type_with_a_schema_has_a_meaning() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/auth0-log-schemas/schemas/log-types");
        let Ok(schemas) = std::fs::read_dir(path) else { return };
        let mut known = 0;
        for schema in schemas {
            let name = schema.unwrap().file_name().into_string().unwrap();
            let Some(code) = name.strip_suffix(".schema.json") else { continue };
            assert!(meaning(code).is_some(), "{code} has no meaning");
            known += 1;
        }
        assert_eq!(known, TYPES.len());
    }
}
