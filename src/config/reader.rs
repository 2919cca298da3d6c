//! A walker over a parsed TOML table that reports everything that is wrong with it, not only the first fault.
//!
//! Data in: a spanned table of the TOML parser and the keys it may have. Data out: typed values with their
//! places; faults go to the [`Report`] and the value is left out.
//!
//! **Invariant:** an unknown key and a value of the wrong type are always reported, with what was expected.
//!
//! Rejected: serde with `deny_unknown_fields`, which stops at the first fault of a file and cannot tell a key
//! that belongs elsewhere from one misspelt.

use std::{fmt::Display, ops::RangeInclusive, sync::Arc, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    diagnostic::{Report, did_you_mean},
    source::{Place, Source, Text},
    units::{DURATION_EXAMPLES, SIZE_EXAMPLES, parse_duration, parse_size, print_duration, print_size},
};

/// Where `opml` belongs, for remedies.
const TOP_OF_FILE: &str =
    "it stands at the top of the file, before the first [section]: opml = [\"feeds.opml\"]";

/// A kind of table: how messages call it, and its keys.
pub(super) struct Schema {
    /// `[poll]`, `[[feed]]` …
    pub(super) name: &'static str,
    /// All keys, in the order of the documentation.
    pub(super) keys: &'static [&'static str],
    /// Keys that people put here and that belong elsewhere, with the remedy.
    pub(super) elsewhere: &'static [(&'static str, &'static str)],
}

/// A table being read.
pub(super) struct Table<'t> {
    source: &'t Arc<Source>,
    entries: &'t DeTable<'t>,
    schema: &'static Schema,
    place: Place,
    report: &'t Report,
}

/// A value with its place.
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// What a TOML value is called in messages.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// An entry of [`Table::named_values`].
pub(super) enum NamedValue<'t> {
    /// A string.
    Text(Text),
    /// A table.
    Table(Table<'t>),
}

impl<'t> Table<'t> {
    /// Starts to read a table; reports its unknown keys. `place` is where to point when a key is missing.
    pub(super) fn open(
        source: &'t Arc<Source>,
        entries: &'t DeTable<'t>,
        schema: &'static Schema,
        place: Place,
        report: &'t Report,
    ) -> Self {
        let table = Self { source, entries, schema, place, report };
        for key in entries.keys().filter(|key| !schema.keys.contains(&key.get_ref().as_ref())) {
            table.unknown_key(key);
        }
        table
    }

    fn unknown_key(&self, key: &Spanned<toml::de::DeString<'_>>) {
        let name = key.get_ref().as_ref();
        let known = self.schema.keys;
        let elsewhere = self.schema.elsewhere.iter().find(|(other, _)| *other == name);
        let remedy = match (elsewhere, did_you_mean(name, known.iter().copied())) {
            (Some((_, remedy)), _) => (*remedy).to_owned(),
            // Written behind a section, it becomes a key of that section.
            (None, _) if name == "opml" => TOP_OF_FILE.to_owned(),
            (None, Some(guess)) => format!("did you mean `{guess}`?"),
            (None, None) => format!("keys known here: {}", known.join(", ")),
        };
        let what = format!("unknown key `{}` in {}", printable(name), self.schema.name);
        self.report.error(&Place::span(self.source, key.span()), what, remedy);
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// How messages call the table.
    pub(super) fn name(&self) -> &'static str {
        self.schema.name
    }

    pub(super) fn report(&self) -> &'t Report {
        self.report
    }

    /// The keys that are there, with their places.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&'t str, Place)> {
        self.entries.keys().map(|key| (key.get_ref().as_ref(), Place::span(self.source, key.span())))
    }

    /// Place of a key that is there.
    pub(super) fn key_place(&self, key: &str) -> Option<Place> {
        self.keys().find(|(name, _)| *name == key).map(|(_, place)| place)
    }

    fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        debug_assert!(
            self.schema.keys.contains(&key),
            "{key} is missing in the schema of {}",
            self.schema.name
        );
        self.entries.get(key)
    }

    fn value_place(&self, value: &Spanned<DeValue<'_>>) -> Place {
        Place::span(self.source, value.span())
    }

    fn mismatch(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str, remedy: &str) {
        let what = format!("`{key}` is {}, not {wanted}", kind(value.get_ref()));
        self.report.error(&self.value_place(value), what, remedy);
    }

    /// A string.
    pub(super) fn text(&self, key: &str, example: &str) -> Option<Text> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(self.text_of(text, value)),
            _ => {
                self.mismatch(
                    key,
                    value,
                    "a string",
                    &format!("write it in quotes, such as {key} = \"{example}\""),
                );
                None
            }
        }
    }

    fn text_of(&self, text: &str, value: &Spanned<DeValue<'_>>) -> Text {
        Text { value: text.to_owned(), place: self.value_place(value) }
    }

    /// A list of strings with the place of the list; elements of another type are reported and left out.
    pub(super) fn texts(&self, key: &str, example: &str) -> Option<Placed<Vec<Text>>> {
        let value = self.get(key)?;
        let remedy = format!("write strings in brackets, such as {key} = [\"{example}\"]");
        let DeValue::Array(array) = value.get_ref() else {
            self.mismatch(key, value, "a list of strings", &remedy);
            return None;
        };
        let mut texts = Vec::with_capacity(array.len());
        for element in array.iter() {
            match element.get_ref() {
                DeValue::String(text) => texts.push(self.text_of(text, element)),
                other => {
                    let what = format!("`{key}` holds {}, not only strings", kind(other));
                    self.report.error(&self.value_place(element), what, remedy.as_str());
                }
            }
        }
        Some(Placed { value: texts, place: self.value_place(value) })
    }

    /// A whole number within `range`.
    pub(super) fn integer(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(key)?;
        let remedy = format!("write a whole number from {} to {}", range.start(), range.end());
        let DeValue::Integer(integer) = value.get_ref() else {
            self.mismatch(key, value, "a whole number", &remedy);
            return None;
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        match number.and_then(|n| u64::try_from(n).ok()).filter(|n| range.contains(n)) {
            Some(number) => Some(number),
            None => {
                self.report.error(&self.value_place(value), format!("`{key}` is out of range"), remedy);
                None
            }
        }
    }

    /// A list of whole numbers within `range`; faulty ones are reported and left out.
    pub(super) fn integers(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
        example: &str,
    ) -> Option<Placed<Vec<u64>>> {
        let value = self.get(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            self.mismatch(key, value, "a list of whole numbers", &format!("write {key} = {example}"));
            return None;
        };
        let mut numbers = Vec::with_capacity(array.len());
        for element in array.iter() {
            let number = match element.get_ref() {
                DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix()).ok(),
                _ => None,
            };
            match number.and_then(|n| u64::try_from(n).ok()).filter(|n| range.contains(n)) {
                Some(number) => numbers.push(number),
                None => {
                    let what = format!(
                        "`{key}` holds what is no whole number from {} to {}",
                        range.start(),
                        range.end()
                    );
                    self.report.error(&self.value_place(element), what, format!("write {key} = {example}"));
                }
            }
        }
        Some(Placed { value: numbers, place: self.value_place(value) })
    }

    /// A duration within `range`.
    pub(super) fn duration(&self, key: &str, range: RangeInclusive<Duration>) -> Option<Placed<Duration>> {
        let (lowest, highest) = (print_duration(*range.start()), print_duration(*range.end()));
        let value = self.unit(key, parse_duration, DURATION_EXAMPLES)?;
        self.within(key, value, range, lowest, highest)
    }

    /// A size in bytes within `range`.
    pub(super) fn size(&self, key: &str, range: RangeInclusive<u64>) -> Option<Placed<u64>> {
        let (lowest, highest) = (print_size(*range.start()), print_size(*range.end()));
        let value = self.unit(key, parse_size, SIZE_EXAMPLES)?;
        self.within(key, value, range, lowest, highest)
    }

    fn unit<T, E: Display>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
        examples: &str,
    ) -> Option<Placed<T>> {
        let value = self.get(key)?;
        let DeValue::String(text) = value.get_ref() else {
            self.mismatch(key, value, "a string with a unit", examples);
            return None;
        };
        let place = self.value_place(value);
        match parse(text) {
            Ok(value) => Some(Placed { value, place }),
            Err(error) => {
                let what = format!("`{key}` = \"{}\" is not understood: {error}", printable(text));
                self.report.error(&place, what, examples);
                None
            }
        }
    }

    fn within<T: PartialOrd>(
        &self,
        key: &str,
        value: Placed<T>,
        range: RangeInclusive<T>,
        lowest: String,
        highest: String,
    ) -> Option<Placed<T>> {
        if range.contains(&value.value) {
            return Some(value);
        }
        let remedy = format!("choose a value from \"{lowest}\" to \"{highest}\"");
        self.report.error(&value.place, format!("`{key}` is out of range"), remedy);
        None
    }

    /// One of a set of words.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<Placed<T>> {
        let all = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(" or ");
        let text = self.text(key, choices.first().map_or("", |(name, _)| name))?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text.value) {
            return Some(Placed { value: *value, place: text.place });
        }
        let remedy = match did_you_mean(&text.value, choices.iter().map(|(name, _)| *name)) {
            Some(guess) => format!("did you mean \"{guess}\"?"),
            None => format!("write {all}"),
        };
        let what = format!("`{key}` = \"{}\" is not known", printable(&text.value));
        self.report.error(&text.place, what, remedy);
        None
    }

    /// A table within this one, such as `quiet = { … }`.
    pub(super) fn table(&self, key: &str, schema: &'static Schema, example: &str) -> Option<Table<'t>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(entries) => {
                let place = self.key_place(key).unwrap_or_else(|| self.value_place(value));
                Some(Table::open(self.source, entries, schema, place, self.report))
            }
            DeValue::Array(array) if array.iter().any(|entry| entry.get_ref().is_table()) => {
                self.mismatch(key, value, "a table", &format!("write [{key}], in single brackets, and once"));
                None
            }
            _ => {
                self.mismatch(key, value, "a table", &format!("write {key} = {example}"));
                None
            }
        }
    }

    /// The tables of `[[key]]`, in order.
    pub(super) fn tables(&self, key: &str, schema: &'static Schema) -> Vec<Table<'t>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let remedy = format!("begin each with a line [[{key}]]");
        let DeValue::Array(array) = value.get_ref() else {
            let place = self.key_place(key).unwrap_or_else(|| self.value_place(value));
            let what = format!("`{key}` is {}, not a list of tables", kind(value.get_ref()));
            self.report.error(&place, what, remedy);
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(array.len());
        for element in array.iter() {
            let place = self.value_place(element);
            match element.get_ref() {
                DeValue::Table(entries) => {
                    tables.push(Table::open(self.source, entries, schema, place, self.report));
                }
                other => {
                    self.report.error(
                        &place,
                        format!("`{key}` holds {}, not tables", kind(other)),
                        remedy.as_str(),
                    );
                }
            }
        }
        tables
    }

    /// Lists of strings under free names, as in `[lists]`.
    pub(super) fn named_texts(&self, key: &str, example: &str) -> Vec<(Text, Placed<Vec<Text>>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Table(entries) = value.get_ref() else {
            self.mismatch(key, value, "a table", &format!("write a section [{key}]"));
            return Vec::new();
        };
        let mut lists = Vec::with_capacity(entries.len());
        for (name, element) in entries.iter() {
            let name =
                Text { value: name.get_ref().to_string(), place: Place::span(self.source, name.span()) };
            let remedy =
                format!("write strings in brackets, such as {} = [\"{example}\"]", printable(&name.value));
            let DeValue::Array(array) = element.get_ref() else {
                self.mismatch(&printable(&name.value), element, "a list of strings", &remedy);
                continue;
            };
            let mut texts = Vec::with_capacity(array.len());
            for entry in array.iter() {
                match entry.get_ref() {
                    DeValue::String(text) => texts.push(self.text_of(text, entry)),
                    other => {
                        let what =
                            format!("`{}` holds {}, not only strings", printable(&name.value), kind(other));
                        self.report.error(&self.value_place(entry), what, remedy.as_str());
                    }
                }
            }
            lists.push((name, Placed { value: texts, place: self.value_place(element) }));
        }
        lists
    }

    /// Under free names, strings or tables that hold a secret, as in `headers = { … }`.
    pub(super) fn named_values(
        &self,
        key: &str,
        schema: &'static Schema,
        example: &str,
    ) -> Vec<(Text, NamedValue<'t>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Table(entries) = value.get_ref() else {
            self.mismatch(key, value, "a table", &format!("write {key} = {example}"));
            return Vec::new();
        };
        let mut values = Vec::with_capacity(entries.len());
        for (name, element) in entries.iter() {
            let place = Place::span(self.source, name.span());
            let name = Text { value: name.get_ref().to_string(), place: place.clone() };
            match element.get_ref() {
                DeValue::String(text) => {
                    values.push((name, NamedValue::Text(self.text_of(text, element))));
                }
                DeValue::Table(inner) => {
                    let table = Table::open(self.source, inner, schema, place, self.report);
                    values.push((name, NamedValue::Table(table)));
                }
                _ => self.mismatch(&printable(&name.value), element, "a string or a table", example),
            }
        }
        values
    }

    /// Elements that the list `key` has in the file, faulty ones included; 1 when it is no list.
    pub(super) fn element_count(&self, key: &str) -> usize {
        self.get(key).map_or(0, |value| value.get_ref().as_array().map_or(1, |array| array.len()))
    }

    /// Whether `key` is a table, and if not, what it is.
    pub(super) fn is_table(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.get_ref().is_table())
    }
}

/// `text` without control characters and cut to a length that fits a message.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut out: String = text.chars().take(LONGEST).map(|c| if c.is_control() { '·' } else { c }).collect();
    if text.chars().count() > LONGEST {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoed_text_is_cut_and_has_no_control_characters() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a·[31m·b");
        assert_eq!(printable(&"x".repeat(80)), "x".repeat(80));
        assert_eq!(printable(&"x".repeat(81)), format!("{}…", "x".repeat(80)));
    }
}
