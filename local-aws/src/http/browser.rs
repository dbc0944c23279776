//! Web pages: any client on this machine may use the port, and so could a page in the user's browser. What a page sends
//! is refused, and what it gets by a link is no page of ours. Pure.

use std::net::IpAddr;

use http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{Method, request};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Why a request is refused: a sentence. `port` is the server's. `None` if no page can have sent it.
///
/// A browser names the page's origin, or at least whose page it is, in every request that could do harm. It names the
/// server in `Host`, which shows a name that was made to lead here (DNS rebinding).
pub(super) fn refusal(request: &request::Parts, port: u16) -> Option<String> {
    let headers = &request.headers;
    if headers.contains_key(ORIGIN) {
        return Some("a web page sent it: it has an Origin".to_string());
    }
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    if site.is_some_and(|site| !matches!(site, b"none" | b"same-origin")) {
        return Some("a web page of another site sent it, by its Sec-Fetch-Site".to_string());
    }
    let is_form =
        |value: &HeaderValue| value.as_bytes().get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM));
    if request.method == Method::POST && headers.get(CONTENT_TYPE).is_some_and(is_form) {
        return Some("uploads from forms of a browser are not served".to_string());
    }
    let mut hosts = headers.get_all(HOST).iter().map(|host| host.to_str().ok()?.parse().ok());
    let named = (hosts.next().flatten(), hosts.next());
    let absolute = request.uri.authority().is_none_or(|authority| is_ours(authority, port));
    match named {
        (Some(host), None) if absolute && is_ours(&host, port) => None,
        _ => Some(format!("its Host is not this one; use http://127.0.0.1:{port} or http://localhost:{port}")),
    }
}

/// The content type of a form that uploads a file.
const FORM: &[u8] = b"multipart/form-data";

/// True if this names a loopback address and our port. A browser takes `localhost` and every name below it for this
/// machine without asking anybody.
fn is_ours(authority: &Authority, port: u16) -> bool {
    let host = authority.host().trim_end_matches('.');
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let is_loopback = match address {
        Some(address) => address.is_loopback(),
        None => host.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost")),
    };
    is_loopback && authority.port_u16().unwrap_or(80) == port && !authority.as_str().contains('@')
}

/// Makes the answer to a request of this method one that no browser shows as a page, runs, or gives to another page.
pub(super) fn seal(method: &Method, headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    let is_attachment = |value: &HeaderValue| value.as_bytes().to_ascii_lowercase().starts_with(b"attachment");
    if method == Method::GET && !headers.get(CONTENT_DISPOSITION).is_some_and(is_attachment) {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn check(lines: &[(&str, &str)], is_served: bool) {
        check_request("GET", "/bucket/key", lines, is_served);
    }

    fn check_request(method: &str, uri: &str, lines: &[(&str, &str)], is_served: bool) {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let refused = refusal(&parts, 9000);
        assert_eq!(refused.is_none(), is_served, "{method} {uri} {lines:?}: {refused:?}");
    }

    #[test]
    fn only_our_own_address_is_served() {
        for host in [
            "127.0.0.1:9000",
            "127.3.2.1:9000",
            "localhost:9000",
            "LocalHost.:9000",
            "bucket.localhost:9000",
            "[::1]:9000",
        ] {
            check(&[("host", host)], true);
        }
        for host in [
            "127.0.0.1",
            "127.0.0.1:9001",
            "evil.example:9000",
            "localhost.evil.example:9000",
            "localhost",
            "10.0.0.1:9000",
            "[::2]:9000",
            "",
            "notlocalhost:9000",
            "evil@localhost:9000",
            "127.0.0.1.evil.example:9000",
            "0.0.0.0:9000",
        ] {
            check(&[("host", host)], false);
        }
        check(&[], false);
        check(&[("host", "localhost:9000"), ("host", "evil.example:9000")], false);
        check_request("GET", "http://evil.example:9000/b", &[("host", "localhost:9000")], false);
        check_request("GET", "http://localhost:9000/b", &[("host", "localhost:9000")], true);
    }

    #[test]
    fn what_a_page_sends_is_refused() {
        let own = ("host", "localhost:9000");
        for origin in ["https://evil.example", "null", "http://localhost:9000", ""] {
            check(&[own, ("origin", origin)], false);
        }
        for (site, is_served) in
            [("none", true), ("same-origin", true), ("same-site", false), ("cross-site", false), ("", false)]
        {
            check(&[own, ("sec-fetch-site", site)], is_served);
        }
        for (form, is_served) in [
            ("multipart/form-data; boundary=x", false),
            ("Multipart/Form-Data", false),
            ("application/xml", true),
            ("multipart/mixed", true),
        ] {
            check_request("POST", "/bucket", &[own, ("content-type", form)], is_served);
        }
    }

    #[test]
    fn an_answer_is_no_page() {
        let sealed = |given: Option<&'static str>, method: Method| {
            let mut headers = HeaderMap::new();
            if let Some(given) = given {
                headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(given));
            }
            seal(&method, &mut headers);
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            headers.get(CONTENT_DISPOSITION).map(|value| value.to_str().unwrap().to_string())
        };
        assert_eq!(sealed(None, Method::GET).as_deref(), Some("attachment"));
        assert_eq!(sealed(Some("inline; filename=a.html"), Method::GET).as_deref(), Some("attachment"));
        assert_eq!(
            sealed(Some("attachment; filename=\"a\""), Method::GET).as_deref(),
            Some("attachment; filename=\"a\"")
        );
        assert_eq!(sealed(None, Method::PUT), None);
    }
}
