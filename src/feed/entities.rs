//! Entities that a document declares for itself → their text.
//!
//! Data in: what stands before the root, and the document. Data out: the document with its own entities resolved.
//!
//! **Invariant:** an entity whose text has `&`, `<` or `%` in it, or that stands elsewhere (`SYSTEM`, `PUBLIC`), is left
//! alone, so nothing expands twice and nothing is fetched.
//! **Invariant:** the document grows by at most [`MAX_GROWTH_BYTES`].
//!
//! Rejected: leaving it to an XML library: each resolves entities of entities, up to limits of its own.

use std::borrow::Cow;

/// Most entities taken from one document.
const MAX_ENTITIES: usize = 300;
/// Longest text of an entity, in bytes.
const MAX_ENTITY_BYTES: usize = 1_024;
/// Most bytes that a document may grow by.
pub(super) const MAX_GROWTH_BYTES: usize = 256 * 1_024;

/// `text` with the entities resolved that `prolog` declares.
pub(super) fn resolve<'a>(prolog: &str, text: &'a str) -> Cow<'a, str> {
    let entities = declared(prolog);
    if entities.is_empty() {
        return Cow::Borrowed(text);
    }
    let Some((head, mut rest)) = text.split_once('&') else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    let mut left = MAX_GROWTH_BYTES;
    out.push_str(head);
    loop {
        let name = rest.find(';').filter(|length| *length <= 64).and_then(|length| rest.get(..length));
        let value = name.and_then(|name| entities.iter().find(|(known, _)| Some(*known) == Some(name)));
        match value.filter(|(_, value)| value.len() <= left) {
            Some((name, value)) => {
                left = left.saturating_sub(value.len());
                out.push_str(value);
                rest = rest.get(name.len().saturating_add(1)..).unwrap_or("");
            }
            None => out.push('&'),
        }
        let Some((head, tail)) = rest.split_once('&') else { break };
        out.push_str(head);
        rest = tail;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Names and texts of the plain entities that a document type declares.
fn declared(prolog: &str) -> Vec<(&str, &str)> {
    let declaration = |text: &'_ str| -> Option<(usize, usize, usize)> {
        let (start, quote) = text.char_indices().find(|(_, c)| matches!(c, '"' | '\'' | '>'))?;
        let value = start.checked_add(1)?;
        let length = text.get(value..)?.find(quote)?;
        (quote != '>').then_some((start, value, value.checked_add(length)?))
    };
    let parts = prolog.split("<!ENTITY").skip(1).take(MAX_ENTITIES);
    parts
        .filter_map(|part| {
            let (head, from, to) = declaration(part)?;
            let (name, value) = (part.get(..head)?.trim(), part.get(from..to)?);
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let is_plain = value.len() <= MAX_ENTITY_BYTES && !value.contains(['&', '<', '%']);
            (is_name && is_plain).then_some((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_entities_are_resolved_and_no_others() {
        let prolog = "<!DOCTYPE rss [<!ENTITY wire 'Harbour Wire'><!ENTITY  x \"y\" >\
                      <!ENTITY a '&x;&x;'><!ENTITY f SYSTEM 'file:///x'><!ENTITY % p 'q'>]>";
        assert_eq!(
            resolve(prolog, "<t>&wire; &x;&y; & &a; &f; &p; &amp;</t>"),
            "<t>Harbour Wire y&y; & &a; &f; &p; &amp;</t>"
        );
        assert!(matches!(resolve("", "&x;"), Cow::Borrowed(_)));
    }

    #[test]
    fn growth_is_bounded() {
        let prolog = format!("<!ENTITY x '{}'>", "y".repeat(MAX_ENTITY_BYTES));
        let fits = MAX_GROWTH_BYTES / MAX_ENTITY_BYTES;
        for (count, left) in [(fits, 0), (fits + 1, 1)] {
            assert_eq!(resolve(&prolog, &"&x;".repeat(count)).matches("&x;").count(), left);
        }
        let long = format!("<!ENTITY x '{}'>", "y".repeat(MAX_ENTITY_BYTES + 1));
        assert_eq!(resolve(&long, "&x;"), "&x;");
    }
}
