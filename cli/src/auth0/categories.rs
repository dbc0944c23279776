//! The category of Auth0's stream filters that each type of event is in.

/// The category that a stream filters events of the type `code` by. `None` if Auth0's documentation does not say.
pub(crate) fn category(code: &str) -> Option<&'static str> {
    let found = CATEGORIES.binary_search_by_key(&code, |(code, _)| code).ok()?;
    Some(CATEGORIES[found].1)
}

/// The types that a prioritised stream (`isPriority`) carries, by code. It carries no other.
pub(crate) const PRIORITY: [&str; 8] =
    ["gd_send_sms", "limit_mu", "limit_sul", "limit_wc", "pwd_leak", "reset_pwd_leak", "signup_pwd_leak", "ublkdu"];

/// Which category a type is in, by code: as Auth0's catalog of tenant logs groups the types, and its page on the
/// filters of log streams. `fco` is left out: the catalog has it under "other", the page under "auth.login.fail".
/// `feta` too: it is a failure, yet the catalog has it among the successes.
///
/// A prioritised stream carries the types in [`PRIORITY`] alone, which are in three of these categories.
#[rustfmt::skip]
const CATEGORIES: [(&str, &str); 175] = [
    ("acls_summary", "other"),
    ("actions_execution_failed", "actions"),
    ("acul_sdk_notice", "system.notification"),
    ("admin_update_launch", "system.notification"),
    ("api_limit", "system.notification"),
    ("api_limit_warning", "system.notification"),
    ("appi", "system.notification"),
    ("ciba_exchange_failed", "auth.token_exchange.fail"),
    ("ciba_exchange_succeeded", "auth.token_exchange.success"),
    ("ciba_start_failed", "other"),
    ("ciba_start_succeeded", "other"),
    ("cls", "other"),
    ("coff", "system.notification"),
    ("con", "system.notification"),
    ("connected_accounts_connection_failed", "user.fail"),
    ("connected_accounts_connection_succeeded", "user.success"),
    ("connected_accounts_delete_failed", "user.fail"),
    ("connected_accounts_delete_succeeded", "user.success"),
    ("cs", "user.notification"),
    ("custom_domain_verification_failed", "system.notification"),
    ("depnote", "system.notification"),
    ("directory_sync_completed", "system.notification"),
    ("directory_sync_failed", "system.notification"),
    ("directory_sync_started", "system.notification"),
    ("f", "auth.login.fail"),
    ("failed_on_behalf_of_token_exchange", "auth.token_exchange.fail"),
    ("fc", "auth.login.fail"),
    ("fce", "user.fail"),
    ("fcoa", "auth.login.fail"),
    ("fcp", "user.fail"),
    ("fcph", "user.fail"),
    ("fcpn", "user.fail"),
    ("fcpr", "user.fail"),
    ("fcpro", "system.notification"),
    ("fcu", "user.fail"),
    ("fd", "user.fail"),
    ("fdeac", "other"),
    ("fdeaz", "user.fail"),
    ("fdecc", "user.fail"),
    ("fdeleacft", "auth.token_exchange.fail"),
    ("fdelsa", "auth.silent_auth.fail"),
    ("fdu", "user.fail"),
    ("feacft", "auth.token_exchange.fail"),
    ("feccft", "auth.token_exchange.fail"),
    ("fecte", "auth.token_exchange.fail"),
    ("fede", "auth.token_exchange.fail"),
    ("federated_logout_failed", "auth.logout.fail"),
    ("fens", "auth.login.fail"),
    ("feoobft", "auth.token_exchange.fail"),
    ("feotpft", "auth.token_exchange.fail"),
    ("fepft", "auth.token_exchange.fail"),
    ("fepotpft", "auth.token_exchange.fail"),
    ("fercft", "auth.token_exchange.fail"),
    ("ferrt", "auth.token_exchange.fail"),
    ("fertft", "auth.token_exchange.fail"),
    ("fi", "other"),
    ("flo", "auth.logout.fail"),
    ("flows_execution_completed", "other"),
    ("flows_execution_failed", "other"),
    ("fn", "user.fail"),
    ("forms_submission_failed", "other"),
    ("forms_submission_succeeded", "other"),
    ("fp", "auth.login.fail"),
    ("fpar", "other"),
    ("fpurh", "other"),
    ("fs", "auth.signup.fail"),
    ("fsa", "auth.silent_auth.fail"),
    ("fscim", "scim.event"),
    ("fu", "auth.login.fail"),
    ("fui", "system.notification"),
    ("fv", "user.fail"),
    ("fvr", "user.fail"),
    ("gd_auth_email_verification", "other"),
    ("gd_auth_failed", "other"),
    ("gd_auth_rejected", "other"),
    ("gd_auth_succeed", "other"),
    ("gd_email_settings_update", "management.success"),
    ("gd_enrollment_complete", "user.notification"),
    ("gd_otp_rate_limit_exceed", "other"),
    ("gd_phone_settings_update", "management.success"),
    ("gd_recovery_failed", "other"),
    ("gd_recovery_succeed", "other"),
    ("gd_send_email", "other"),
    ("gd_send_email_verification", "other"),
    ("gd_send_pn", "other"),
    ("gd_send_pn_failure", "other"),
    ("gd_send_sms", "other"),
    ("gd_send_sms_failure", "other"),
    ("gd_send_voice", "other"),
    ("gd_send_voice_failure", "other"),
    ("gd_start_auth", "other"),
    ("gd_start_enroll", "user.notification"),
    ("gd_start_enroll_failed", "other"),
    ("gd_tenant_update", "other"),
    ("gd_unenroll", "user.notification"),
    ("gd_update_device_account", "user.notification"),
    ("gd_webauthn_challenge_failed", "other"),
    ("gd_webauthn_enrollment_failed", "other"),
    ("idjag_exchange_failed", "auth.token_exchange.fail"),
    ("idjag_exchange_succeeded", "auth.token_exchange.success"),
    ("jwt_bearer_exchange_failed", "auth.token_exchange.fail"),
    ("kms_key_management_failure", "other"),
    ("kms_key_management_success", "other"),
    ("kms_key_state_changed", "other"),
    ("limit_delegation", "system.notification"),
    ("limit_mu", "system.notification"),
    ("limit_phone", "system.notification"),
    ("limit_sul", "other"),
    ("limit_wc", "system.notification"),
    ("mfar", "other"),
    ("mgmt_api_read", "management.success"),
    ("my_account_authentication_method_failed", "user.fail"),
    ("my_account_authentication_method_succeeded", "user.success"),
    ("oidc_backchannel_logout_failed", "auth.logout.fail"),
    ("oidc_backchannel_logout_succeeded", "auth.logout.success"),
    ("organization_member_added", "other"),
    ("passkey_challenge_failed", "other"),
    ("passkey_challenge_started", "other"),
    ("pla", "other"),
    ("pwd_leak", "other"),
    ("reset_pwd_leak", "other"),
    ("resource_cleanup", "other"),
    ("rich_consents_access_error", "other"),
    ("s", "auth.login.success"),
    ("sapi", "management.success"),
    ("sce", "user.success"),
    ("scoa", "auth.login.success"),
    ("scp", "user.success"),
    ("scpn", "user.success"),
    ("scpr", "user.success"),
    ("scu", "user.success"),
    ("scv", "auth.login.notification"),
    ("sd", "user.success"),
    ("sdel", "auth.login.success"),
    ("sdeleacft", "auth.token_exchange.success"),
    ("sdelsa", "auth.silent_auth.success"),
    ("sdu", "user.success"),
    ("seacft", "auth.token_exchange.success"),
    ("seccft", "auth.token_exchange.success"),
    ("secte", "auth.token_exchange.success"),
    ("sede", "auth.token_exchange.success"),
    ("sens", "auth.login.success"),
    ("seoobft", "auth.token_exchange.success"),
    ("seotpft", "auth.token_exchange.success"),
    ("sepft", "auth.token_exchange.success"),
    ("sepkoobft", "auth.token_exchange.success"),
    ("sepkotpft", "auth.token_exchange.success"),
    ("sepkrcft", "auth.token_exchange.success"),
    ("sercft", "auth.token_exchange.success"),
    ("sertft", "auth.token_exchange.success"),
    ("seta", "auth.token_exchange.success"),
    ("si", "other"),
    ("signup_pwd_leak", "other"),
    ("slo", "auth.logout.success"),
    ("srrt", "user.success"),
    ("ss", "auth.signup.success"),
    ("ss_sso_failure", "user.fail"),
    ("ss_sso_info", "user.notification"),
    ("ss_sso_success", "user.success"),
    ("ssa", "auth.silent_auth.success"),
    ("sscim", "scim.event"),
    ("success_on_behalf_of_token_exchange", "auth.token_exchange.success"),
    ("sui", "user.success"),
    ("sv", "user.success"),
    ("svr", "user.success"),
    ("sys_os_update_end", "system.notification"),
    ("sys_os_update_start", "system.notification"),
    ("sys_update_end", "system.notification"),
    ("sys_update_start", "system.notification"),
    ("ublkdu", "user.notification"),
    ("universal_logout_failed", "auth.logout.fail"),
    ("universal_logout_succeeded", "auth.logout.success"),
    ("w", "auth.login.notification"),
    ("wn", "other"),
    ("wum", "other"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that Auth0's API takes in a stream's filters.
    const NAMES: [&str; 20] = [
        "actions",
        "auth.login.fail",
        "auth.login.notification",
        "auth.login.success",
        "auth.logout.fail",
        "auth.logout.success",
        "auth.signup.fail",
        "auth.signup.success",
        "auth.silent_auth.fail",
        "auth.silent_auth.success",
        "auth.token_exchange.fail",
        "auth.token_exchange.success",
        "management.fail",
        "management.success",
        "other",
        "scim.event",
        "system.notification",
        "user.fail",
        "user.notification",
        "user.success",
    ];

    #[test]
    fn types_are_in_order_and_none_is_there_twice() {
        assert!(CATEGORIES.is_sorted_by(|(one, _), (next, _)| one < next));
        assert!(PRIORITY.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn every_category_is_one_that_a_stream_can_filter_by() {
        for (code, category) in CATEGORIES {
            assert!(NAMES.contains(&category), "{code} is in {category}");
        }
    }

    /// No type is in "management.fail": Auth0 names no such type.
    #[test]
    fn every_category_but_one_has_a_type() {
        let empty = NAMES.into_iter().filter(|name| CATEGORIES.iter().all(|(_, category)| category != name));
        assert!(empty.eq(["management.fail"]));
    }

    #[test]
    fn types_are_found_by_their_code() {
        let known = [
            ("actions_execution_failed", "actions"),
            ("fp", "auth.login.fail"),
            ("w", "auth.login.notification"),
            ("s", "auth.login.success"),
            ("slo", "auth.logout.success"),
            ("fs", "auth.signup.fail"),
            ("fsa", "auth.silent_auth.fail"),
            ("seacft", "auth.token_exchange.success"),
            ("sapi", "management.success"),
            ("acls_summary", "other"),
            ("sscim", "scim.event"),
            ("limit_wc", "system.notification"),
            ("fn", "user.fail"),
            ("ublkdu", "user.notification"),
            ("scp", "user.success"),
        ];
        for (code, expected) in known {
            assert_eq!(category(code), Some(expected), "{code}");
        }
    }

    #[test]
    fn what_the_documentation_does_not_settle_has_no_category() {
        assert_eq!((category("fco"), category("zzz"), category("")), (None, None, None));
    }

    #[test]
    fn every_type_of_a_prioritised_stream_has_a_category() {
        for code in PRIORITY {
            assert!(category(code).is_some(), "{code}");
        }
    }
}
