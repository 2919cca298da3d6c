//! The header fields of an answer that we act on.
//!
//! Data in: a header map as received. Data out: validators, the instant of `Retry-After`, how long the answer stays
//! good, encodings left over.
//!
//! **Invariant:** validators are kept and sent byte for byte; they are opaque to us (RFC 9110 §8.8.3).
//!
//! Rejected: reading field values as text first, which loses the `Latin-1` bytes some servers put in an ETag.

use std::time::{Duration, SystemTime};

use reqwest::header::{
    AGE, CACHE_CONTROL, CONTENT_ENCODING, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};

use crate::model::{Timestamp, Validators, time};

/// Longest wait that a server's `Retry-After` can impose.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest time that an answer counts as good: hosts of static files promise a year for pages that change every hour.
pub const MAX_FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest validator that is kept; without one the next request is simply unconditional.
pub const MAX_VALIDATOR_BYTES: usize = 2048;

/// Adds `If-None-Match` and `If-Modified-Since`; a value that no header field can carry is left out.
pub(super) fn add_conditions(headers: &mut HeaderMap, validators: &Validators) {
    let mut add = |name: HeaderName, value: &Option<Vec<u8>>| {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_bytes) {
            headers.insert(name, value);
        }
    };
    add(IF_NONE_MATCH, &validators.etag);
    add(IF_MODIFIED_SINCE, &validators.last_modified);
}

/// `ETag` and `Last-Modified` as sent; empty and overlong ones count as absent.
pub(super) fn validators(headers: &HeaderMap) -> Validators {
    let get = |name: HeaderName| {
        let value = headers.get(name)?.as_bytes();
        (1..=MAX_VALIDATOR_BYTES).contains(&value.len()).then(|| value.to_vec())
    };
    Validators { etag: get(ETAG), last_modified: get(LAST_MODIFIED) }
}

/// What to send next time after a 304: its own validators, else the ones it confirmed (RFC 9111 §4.3.4).
pub(super) fn confirmed(headers: &HeaderMap, sent: &Validators) -> Validators {
    let new = validators(headers);
    Validators {
        etag: new.etag.or_else(|| sent.etag.clone()),
        last_modified: new.last_modified.or_else(|| sent.last_modified.clone()),
    }
}

/// The instant `Retry-After` names (RFC 9110 §10.2.3), at most [`MAX_RETRY_AFTER`] after `now`; `None` where the
/// field is absent or makes no sense.
///
/// A date is measured against the answer's own `Date`, so that a server with a wrong clock still gets its wait.
/// `now` is the instant the answer came.
pub(super) fn retry_at(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match seconds(text) {
        Some(wait) => wait,
        None => {
            let until = httpdate::parse_http_date(text).ok()?;
            let from = http_date(headers).unwrap_or_else(|| system_time(now));
            until.duration_since(from).unwrap_or(Duration::ZERO)
        }
    };
    Some(time::after(now, wait.min(MAX_RETRY_AFTER)))
}

/// How long the answer stays good (RFC 9111 §4.2.1): `max-age` less `Age`, else `Expires` less `Date`; at most
/// [`MAX_FRESH`]. `None` where the server does not say, says that it is not to be kept, or says nonsense. `now` is the
/// instant the answer came.
pub(super) fn fresh_for(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let control: Vec<&str> =
        headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut directives = control.iter().flat_map(|value| value.split(',')).map(str::trim);
    if directives.clone().any(|word| ["no-cache", "no-store"].iter().any(|no| word.eq_ignore_ascii_case(no)))
    {
        return None;
    }
    let max_age = directives.find_map(|word| {
        let (name, value) = word.split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then_some(value)
    });
    let fresh = match max_age {
        Some(value) => {
            let age = headers.get(AGE).and_then(|age| seconds(age.to_str().ok()?)).unwrap_or_default();
            seconds(value.trim().trim_matches('"'))?.saturating_sub(age)
        }
        None => {
            let until = httpdate::parse_http_date(headers.get(EXPIRES)?.to_str().ok()?.trim()).ok()?;
            let from = http_date(headers).unwrap_or_else(|| system_time(now));
            until.duration_since(from).unwrap_or_default()
        }
    };
    Some(fresh.min(MAX_FRESH)).filter(|fresh| !fresh.is_zero())
}

/// Digits alone; too many of them are a long time.
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().map_or(Duration::MAX, Duration::from_secs))
}

fn system_time(at: Timestamp) -> SystemTime {
    let since_1970 = Duration::from_millis(u64::try_from(at.as_millisecond()).unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn http_date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?.trim()).ok()
}

/// Whether the body is still compressed. The client decodes one of gzip, deflate, br or zstd and takes the field
/// away; what is left is a chain of encodings or one we did not ask for. Mislabels such as `utf-8` are no encoding.
pub(super) fn still_compressed(headers: &HeaderMap) -> bool {
    const COMPRESSIONS: [&str; 8] =
        ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb"];
    headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| COMPRESSIONS.iter().any(|c| coding.trim().eq_ignore_ascii_case(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(HeaderName, &[u8])]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        // 2026-03-01T12:00:00Z
        let now = time::from_millis(1_772_366_400_000);
        let check = |value: &str, date: Option<&str>, want: Option<u64>| {
            let mut headers = map(&[(RETRY_AFTER, value.as_bytes())]);
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_str(date).unwrap());
            }
            let got = retry_at(&headers, now).map(|at| time::between(now, at).as_secs());
            assert_eq!(got, want, "{value:?} with Date {date:?}");
        };
        check("120", None, Some(120));
        check(" 120 ", None, Some(120));
        check("0", None, Some(0));
        check("86400", None, Some(86_400));
        check("86401", None, Some(86_400));
        check("99999999999999999999999999", None, Some(86_400));
        check("Sun, 01 Mar 2026 12:10:00 GMT", None, Some(600));
        check("Sunday, 01-Mar-26 12:10:00 GMT", None, Some(600));
        check("Sun Mar  1 12:10:00 2026", None, Some(600));
        check("Sun, 01 Mar 2026 11:00:00 GMT", None, Some(0));
        check("Tue, 03 Mar 2026 12:00:00 GMT", None, Some(86_400));
        check("Sun, 01 Mar 2026 12:10:00 GMT", Some("Sun, 01 Mar 2026 12:09:00 GMT"), Some(60));
        check("Tue, 01 Mar 2016 12:10:00 GMT", Some("Tue, 01 Mar 2016 12:00:00 GMT"), Some(600));
        check("Sun, 01 Mar 2026 12:10:00 GMT", Some("today"), Some(600));
        for garbage in ["", "soon", "-1", "1.5", "12 s", "Sun, 31 Feb 2026 12:10:00 GMT"] {
            check(garbage, None, None);
        }
        assert_eq!(retry_at(&HeaderMap::new(), now), None);
    }

    #[test]
    fn how_long_an_answer_stays_good() {
        let now = time::from_millis(1_772_366_400_000);
        let check = |fields: &[(HeaderName, &[u8])], want: Option<u64>| {
            assert_eq!(fresh_for(&map(fields), now).map(|fresh| fresh.as_secs()), want, "{fields:?}");
        };
        let expires = b"Sun, 01 Mar 2026 12:10:00 GMT";
        check(&[], None);
        check(&[(CACHE_CONTROL, b"max-age=300")], Some(300));
        check(&[(CACHE_CONTROL, b"public, Max-Age = 300"), (EXPIRES, expires)], Some(300));
        check(&[(CACHE_CONTROL, b"public, Max-Age=300"), (AGE, b"100"), (EXPIRES, expires)], Some(200));
        check(&[(CACHE_CONTROL, b"max-age=300"), (AGE, b"400")], None);
        check(&[(CACHE_CONTROL, b"max-age=300, no-cache")], None);
        check(&[(CACHE_CONTROL, b"no-store")], None);
        check(&[(CACHE_CONTROL, b"max-age=0")], None);
        check(&[(CACHE_CONTROL, b"max-age=-1")], None);
        check(&[(CACHE_CONTROL, b"max-age=86400")], Some(86_400));
        check(&[(CACHE_CONTROL, b"max-age=86401")], Some(86_400));
        check(&[(CACHE_CONTROL, b"max-age=99999999999999999999999")], Some(86_400));
        check(&[(CACHE_CONTROL, b"private"), (EXPIRES, expires)], Some(600));
        check(&[(EXPIRES, expires), (DATE, b"Sun, 01 Mar 2026 12:09:00 GMT")], Some(60));
        check(&[(EXPIRES, b"0")], None);
        check(&[(EXPIRES, b"Sun, 01 Mar 2026 11:10:00 GMT")], None);
    }

    #[test]
    fn validators_are_kept_up_to_their_limit() {
        let check = |bytes: usize, kept: bool| {
            let etag = vec![b'e'; bytes];
            let got = validators(&map(&[(ETAG, &etag)])).etag;
            assert_eq!(got, kept.then_some(etag), "{bytes} bytes");
        };
        check(0, false);
        check(1, true);
        check(MAX_VALIDATOR_BYTES, true);
        check(MAX_VALIDATOR_BYTES + 1, false);
    }

    #[test]
    fn a_value_no_header_can_carry_is_left_out() {
        let mut headers = HeaderMap::new();
        let stored = Validators { etag: Some(b"a\nb".to_vec()), last_modified: Some(b"\xe9 \"x".to_vec()) };
        add_conditions(&mut headers, &stored);
        assert_eq!(headers.get(IF_NONE_MATCH), None);
        assert_eq!(headers.get(IF_MODIFIED_SINCE).unwrap().as_bytes(), b"\xe9 \"x");
    }

    #[test]
    fn a_304_renews_what_it_names_and_keeps_the_rest() {
        let sent = Validators { etag: Some(b"old".to_vec()), last_modified: Some(b"then".to_vec()) };
        assert_eq!(confirmed(&HeaderMap::new(), &sent), sent);
        let renewed = confirmed(&map(&[(ETAG, b"new")]), &sent);
        assert_eq!(
            renewed,
            Validators { etag: Some(b"new".to_vec()), last_modified: sent.last_modified.clone() }
        );
    }

    #[test]
    fn encodings_left_over_are_told_from_mislabels() {
        let check = |value: &str, want: bool| {
            assert_eq!(still_compressed(&map(&[(CONTENT_ENCODING, value.as_bytes())])), want, "{value}");
        };
        check("gzip, gzip", true);
        check("GZIP", true);
        check("identity,br", true);
        check("utf-8", false);
        check("identity", false);
        check("", false);
    }
}
