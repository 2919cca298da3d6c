//! Bytes → text.
//!
//! Data in: a body and the `Content-Type` it came with. Data out: text, and whether the charset it claimed was wrong.
//!
//! **Invariant:** bytes that are valid UTF-8 are read as UTF-8 whatever any label says: labels are wrong far more
//! often than chance makes other charsets valid UTF-8.
//! **Invariant:** always gives a text; what cannot be decoded becomes U+FFFD.
//!
//! Rejected: leaving it to feed-rs, which loses the whole feed over one bad byte and panics on four kinds of labels.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::model::Warning;

/// Bad bytes in UTF-8 that are too few to guess another charset from.
const FEW_BAD_BYTES: usize = 1;
/// How far into a body an XML declaration is looked for, in bytes: some servers print warnings before it.
const DECLARATION_BYTES: usize = 2 * 1_024;

/// The text of `bytes`, without byte order mark.
pub(super) fn decode<'a>(
    bytes: &'a [u8],
    content_type: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Cow<'a, str> {
    if let Some((text, charset)) = unicode_by_mark(bytes) {
        if !agrees(http_charset(content_type).or_else(|| declared_charset(bytes)), charset) {
            warnings.push(Warning::Charset { used: charset });
        }
        return text;
    }
    let http = http_charset(content_type);
    let declared = declared_charset(bytes);
    if let Some(text) = iso_2022_jp(bytes) {
        return text;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if !text.is_ascii() && !agrees(http.or(declared), UTF_8.name()) {
            warnings.push(Warning::Charset { used: UTF_8.name() });
        }
        return Cow::Borrowed(text);
    }
    let paired = join_surrogates(bytes);
    let is_utf8 = |label: Option<&str>| {
        label.is_none_or(|label| Encoding::for_label(label.as_bytes()).is_none_or(|found| found == UTF_8))
    };
    if is_mostly_utf8(&paired, is_utf8(http) && is_utf8(declared)) {
        warnings.push(Warning::Charset { used: UTF_8.name() });
        return Cow::Owned(mixed_utf8(&paired));
    }
    for label in [http, declared].into_iter().flatten() {
        let Some(encoding) = Encoding::for_label(label.as_bytes()) else { continue };
        if encoding.is_ascii_compatible() && encoding != UTF_8 {
            let (text, errors) = encoding.decode_without_bom_handling(bytes);
            if !errors {
                return text;
            }
        }
    }
    let encoding = guess(bytes);
    warnings.push(Warning::Charset { used: encoding.name() });
    encoding.decode_without_bom_handling(bytes).0
}

/// UTF-8, UTF-16 and UTF-32 as told by a byte order mark, or by the nulls around an opening `<` or `{`.
fn unicode_by_mark(bytes: &[u8]) -> Option<(Cow<'_, str>, &'static str)> {
    Some(match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => match std::str::from_utf8(rest) {
            Ok(text) => (Cow::Borrowed(text), UTF_8.name()),
            Err(_) => (Cow::Owned(mixed_utf8(rest)), UTF_8.name()),
        },
        [0xFF, 0xFE, 0, 0, rest @ ..] | rest @ [b'<' | b'{', 0, 0, 0, ..] => (utf32(rest, false), "UTF-32LE"),
        [0, 0, 0xFE, 0xFF, rest @ ..] | rest @ [0, 0, 0, b'<' | b'{', ..] => (utf32(rest, true), "UTF-32BE"),
        [0xFF, 0xFE, rest @ ..] | rest @ [b'<' | b'{', 0, ..] => {
            (UTF_16LE.decode_without_bom_handling(rest).0, UTF_16LE.name())
        }
        [0xFE, 0xFF, rest @ ..] | rest @ [0, b'<' | b'{', ..] => {
            (UTF_16BE.decode_without_bom_handling(rest).0, UTF_16BE.name())
        }
        _ => return None,
    })
}

fn utf32(bytes: &[u8], big_endian: bool) -> Cow<'static, str> {
    let units = bytes.as_chunks::<4>().0.iter();
    let code =
        |unit: &[u8; 4]| if big_endian { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) };
    Cow::Owned(units.map(|unit| char::from_u32(code(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// Whether a label, if there is one, means `charset`. "utf-16" means either byte order.
fn agrees(label: Option<&str>, charset: &str) -> bool {
    label.is_none_or(|label| {
        let utf16_or_32 = label
            .get(..5)
            .is_some_and(|l| l.eq_ignore_ascii_case("utf-1") || l.eq_ignore_ascii_case("utf-3"));
        utf16_or_32 && charset.get(..5) == label.to_ascii_uppercase().get(..5)
            || Encoding::for_label(label.as_bytes()).is_some_and(|encoding| encoding.name() == charset)
    })
}

/// The `charset` parameter of a `Content-Type` (RFC 9110 §8.3.2).
fn http_charset(content_type: Option<&str>) -> Option<&str> {
    content_type?.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

/// The `encoding` of an XML declaration, in a charset that agrees with ASCII.
fn declared_charset(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..DECLARATION_BYTES.min(bytes.len()))?;
    let start = head.windows(5).position(|w| w.eq_ignore_ascii_case(b"<?xml"))?;
    let tail = head.get(start..)?;
    let declaration = tail.get(..tail.windows(2).position(|w| w == b"?>")?)?;
    let value = declaration.windows(8).position(|w| w.eq_ignore_ascii_case(b"encoding"))?.saturating_add(8);
    let value = std::str::from_utf8(declaration.get(value..)?).ok()?.trim_start().strip_prefix('=')?.trim();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.split(quote).nth(1).map(str::trim).filter(|label| !label.is_empty())
}

/// ISO-2022-JP, which is ASCII to the eye of UTF-8: told by its escape sequences, which no feed has otherwise.
fn iso_2022_jp(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let escape = memchr::memchr(0x1B, bytes)?;
    if !matches!(bytes.get(escape..)?, [0x1B, b'$', b'@' | b'B', ..]) || !bytes.is_ascii() {
        return None;
    }
    let (text, errors) = ISO_2022_JP.decode_without_bom_handling(bytes);
    (!errors).then_some(text)
}

/// UTF-8 in which characters beyond the first plane were written as two surrogates (CESU-8), written properly.
fn join_surrogates(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let mut at = 0_usize;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let (char, length) = match rest {
            [0xED, a @ 0xA0..=0xAF, b @ 0x80..=0xBF, 0xED, c @ 0xB0..=0xBF, d @ 0x80..=0xBF, ..] => {
                let half = |high: u8, low: u8| u32::from(high & 0x0F) << 6 | u32::from(low & 0x3F);
                (char::from_u32(0x1_0000 + (half(*a, *b) << 10 | half(*c, *d))), 6)
            }
            _ => (None, 1),
        };
        if let Some(char) = char {
            let joined = out.get_or_insert_with(|| bytes.get(..at).unwrap_or(&[]).to_vec());
            joined.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        } else if let (Some(out), Some(byte)) = (out.as_mut(), rest.first()) {
            out.push(*byte);
        }
        at = at.saturating_add(length);
    }
    out.map_or(Cow::Borrowed(bytes), Cow::Owned)
}

/// Whether a text is UTF-8 with a few broken places: as many well-formed continuation bytes as bad places; or, in a
/// text that nobody calls anything else (`unlabelled`), bad bytes that are windows-1252's punctuation, or hardly one.
/// Texts in other charsets come nowhere near: of two bytes of GB 18030, the best case, one in seven pairs is well
/// formed by chance.
fn is_mostly_utf8(bytes: &[u8], unlabelled: bool) -> bool {
    let (mut good, mut bad, mut punctuation) = (0_usize, 0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        let continuations = chunk.valid().bytes().filter(|byte| (0x80..0xC0).contains(byte)).count();
        good = good.saturating_add(continuations);
        bad = bad.saturating_add(usize::from(!chunk.invalid().is_empty()));
        punctuation =
            punctuation.saturating_add(usize::from(matches!(chunk.invalid(), [0x85 | 0x91..=0x97])));
    }
    let few = bad <= FEW_BAD_BYTES && good.saturating_add(bad) < bytes.len() / 100;
    good >= bad || unlabelled && (few || good > 0 && bad == punctuation)
}

/// UTF-8 whose bad bytes are read as windows-1252, which they most often are; a character cut at the end is U+FFFD.
fn mixed_utf8(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        match chunk.invalid() {
            [] => {}
            [byte] => out.push_str(&WINDOWS_1252.decode_without_bom_handling(&[*byte]).0),
            _ => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
    out
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_KR, GB18030, SHIFT_JIS, WINDOWS_1251};

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], content_type: Option<&str>, expect: &str, used: Option<&'static str>) {
        let mut warnings = Vec::new();
        assert_eq!(decode(bytes, content_type, &mut warnings), expect);
        let expected: Vec<_> = used.into_iter().map(|used| Warning::Charset { used }).collect();
        assert_eq!(warnings, expected, "{expect}");
    }

    fn document(label: &str, text: &str) -> String {
        format!("<?xml version=\"1.0\" encoding=\"{label}\"?><t>{text}</t>")
    }

    #[test]
    fn marks_and_null_patterns_win() {
        let text = "<t>降息</t>";
        let utf16 = |swap: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|u| if swap { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
        };
        let utf32 = |swap: bool| -> Vec<u8> {
            text.chars()
                .flat_map(|c| if swap { u32::from(c).to_be_bytes() } else { u32::from(c).to_le_bytes() })
                .collect()
        };
        check(&[b"\xEF\xBB\xBF", text.as_bytes()].concat(), None, text, None);
        check(&[b"\xFF\xFE", utf16(false).as_slice()].concat(), None, text, None);
        check(&[b"\xFE\xFF", utf16(true).as_slice()].concat(), Some("text/xml; charset=utf-16"), text, None);
        check(&utf16(false), None, text, None);
        check(&utf16(true), None, text, None);
        check(&[b"\xFF\xFE\0\0", utf32(false).as_slice()].concat(), None, text, None);
        check(&utf32(true), Some("text/xml; charset=utf-32"), text, None);
        check(&utf16(false), Some("text/xml; charset=utf-8"), text, Some("UTF-16LE"));
    }

    #[test]
    fn valid_utf8_wins_over_every_label() {
        for label in ["iso-8859-1", "us-ascii", "utf-16", "gb2312", "no-such-charset"] {
            let text = document(label, "Café 降息");
            check(text.as_bytes(), None, &text, Some("UTF-8"));
            let ascii = document(label, "plain");
            check(ascii.as_bytes(), None, &ascii, None);
        }
        let text = document("utf-8", "Café");
        check(text.as_bytes(), Some("application/rss+xml; charset=\"ISO-8859-1\""), &text, Some("UTF-8"));
    }

    #[test]
    fn declared_charsets_are_followed() {
        let russian = "Центральный банк снизил ставку";
        for (encoding, label, text) in [
            (WINDOWS_1252, "iso-8859-1", "Café à Paris"),
            (GB18030, "GB2312", "中国稀土出口管制"),
            (GB18030, "gb18030", "中国稀土出口管制"),
            (SHIFT_JIS, "Shift_JIS", "半導体の輸出規制"),
            (EUC_KR, "euc-kr", "반도체 수출"),
            (WINDOWS_1251, "windows-1251", russian),
        ] {
            let text = document(label, text);
            check(&encoding.encode(&text).0, None, &text, None);
        }
        let text = document("utf-8", russian);
        check(&WINDOWS_1251.encode(&text).0, Some("text/xml;charset=windows-1251"), &text, None);
    }

    #[test]
    fn undeclared_and_misdeclared_charsets_are_guessed() {
        let russian = document("utf-8", "Центральный банк снизил ключевую ставку, сообщили в понедельник");
        check(&WINDOWS_1251.encode(&russian).0, None, &russian, Some("windows-1251"));
        let chinese = document("utf-8", "中国对稀土出口实施新的管制措施，美国官员表示关注");
        check(&GB18030.encode(&chinese).0, None, &chinese, Some("GBK"));
        let japanese = document("euc-kr", "半導体の輸出規制について政府が新しい方針を発表しました");
        check(&SHIFT_JIS.encode(&japanese).0, None, &japanese, Some("Shift_JIS"));
        check(b"<t>Caf\xE9 du matin</t>", None, "<t>Café du matin</t>", Some("windows-1252"));
    }

    #[test]
    fn broken_places_in_utf8_cost_only_themselves() {
        let bytes = [document("utf-8", "降息 café é ").as_bytes(), b"\x93ok\x94 \xE9\x99"].concat();
        let expect = document("utf-8", "降息 café é ") + "\u{201C}ok\u{201D} \u{FFFD}";
        check(&bytes, None, &expect, Some("UTF-8"));
    }
}
