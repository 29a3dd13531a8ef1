//! Reading typed values out of TOML tables, with a mistake for everything that isn't as it should be.
//!
//! Readers answer `None` where there is nothing to go on with; whether that is a mistake was said already.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::words::Words;
use super::{Code, Mistake, hint};

/// Bytes of the text.
pub(super) type Span = Range<usize>;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Span,
}

/// Mistakes as they are found.
#[derive(Debug, Default)]
pub(super) struct Sink {
    list: Vec<Mistake>,
    left_out: usize,
    /// Whether there is text that could not be read: what seems to be missing may stand there.
    unread: bool,
}

impl Sink {
    /// Nobody reads more mistakes than this at once, and a hint for each would take its time.
    const LIMIT: usize = 200;

    pub(super) fn say(&mut self, mistake: Mistake) {
        if self.list.len() < Self::LIMIT {
            self.list.push(mistake);
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn syntax(&mut self, mistake: Mistake) {
        self.unread = true;
        self.say(mistake);
    }

    /// Whether something may be there that was not read, so that nothing can be called missing.
    pub(super) fn unread(&self) -> bool {
        self.unread
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn into_parts(self) -> (Vec<Mistake>, usize) {
        (self.list, self.left_out)
    }

    /// `did you mean …? `, or nothing.
    pub(super) fn meant<'a>(&self, word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
        self.nearest(word, known)
            .map_or_else(String::new, |known| format!("did you mean {}? ", hint::quoted(known)))
    }

    fn nearest<'a>(&self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        if self.list.len() < Self::LIMIT { hint::nearest(word, known) } else { None }
    }
}

/// A table, its known keys, and the mistakes that are found in it.
pub(super) struct Fields<'a> {
    table: &'a DeTable<'a>,
    /// Where the table is: its header, or its braces.
    pub span: Span,
    /// What it is, for messages: "server `n1`".
    pub what: String,
    /// Known keys that unknown ones were taken for: one slip is one mistake, so these aren't missing as well.
    misspelt: Vec<String>,
}

impl<'a> Fields<'a> {
    /// The table of a whole file.
    pub(super) fn root(table: &'a DeTable<'a>, known: &[&str], sink: &mut Sink) -> Self {
        let mut fields = Self { table, span: 0..0, what: "an estate file".into(), misspelt: Vec::new() };
        fields.refuse_unknown(known, sink);
        fields
    }

    /// A value that must be a table with these keys. `label` names it where its `name` doesn't.
    pub(super) fn open(
        value: &'a Spanned<DeValue<'a>>,
        label: &str,
        known: &[&str],
        sink: &mut Sink,
    ) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            sink.say(wrong_type(
                value,
                label,
                "a table of keys and values",
                &format!("its keys are {}", hint::list(known)),
            ));
            return None;
        };
        let what = match table.get("name").and_then(|name| name.get_ref().as_str()) {
            Some(name) if known.contains(&"name") => format!("{label} {}", hint::quoted(name)),
            _ => label.to_owned(),
        };
        let mut fields = Self { table, span: value.span(), what, misspelt: Vec::new() };
        fields.refuse_unknown(known, sink);
        Some(fields)
    }

    fn refuse_unknown(&mut self, known: &[&str], sink: &mut Sink) {
        for key in self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref();
            let guess = sink.nearest(name, known.iter().copied());
            self.misspelt.extend(guess.map(str::to_owned));
            let guess = guess.map_or_else(String::new, |guess| format!("did you mean `{guess}`? "));
            let help = format!("{guess}its keys are {}", hint::list(known));
            let message = format!("{} has no key {}", self.what, hint::quoted(name));
            sink.say(Mistake::new(Code::UnknownKey, message, help).at(&key.span(), "not known here"));
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// The value of a key that must be there; `example` is what could stand behind it.
    pub(super) fn need(&self, key: &str, example: &str, sink: &mut Sink) -> Option<&'a Spanned<DeValue<'a>>> {
        let found = self.get(key);
        if found.is_none() {
            self.missing(Code::MissingKey, key, &format!("write one, such as {key} = {example}"), sink);
        }
        found
    }

    /// Says that a key is missing, unless it may be there: misspelt, or in text that could not be read.
    pub(super) fn missing(&self, code: Code, key: &str, help: &str, sink: &mut Sink) {
        if !sink.unread() && !self.misspelt.iter().any(|known| known == key) {
            let message = format!("{} needs the key `{key}`", self.what);
            sink.say(Mistake::new(code, message, help).at(&self.span, format!("`{key}` is missing")));
        }
    }

    /// The tables of `[[key]]`; none where the key isn't there.
    pub(super) fn tables(&self, key: &str, header: &str, sink: &mut Sink) -> Vec<&'a Spanned<DeValue<'a>>> {
        match self.get(key).map(|value| (value, value.get_ref())) {
            None => Vec::new(),
            Some((_, DeValue::Array(array))) => array.iter().collect(),
            Some((value, _)) => {
                let help = format!("begin each with a line [[{header}]], in double brackets");
                sink.say(wrong_type(value, &format!("`{key}`"), "a list of tables", &help));
                Vec::new()
            }
        }
    }

    /// A string, whatever is in it.
    pub(super) fn text(&self, key: &str, sink: &mut Sink) -> Option<At<String>> {
        self.get(key).and_then(|value| string(value, &format!("`{key}` of {}", self.what), sink))
    }

    /// A string that says something: not empty, without control characters.
    pub(super) fn line(&self, key: &str, sink: &mut Sink) -> Option<At<String>> {
        let text = self.text(key, sink)?;
        let what = format!("`{key}` of {}", self.what);
        says_something(&text, &what, sink).then_some(text)
    }

    /// A string that must be there and say something; otherwise a mistake of its own kind.
    pub(super) fn said(&self, key: &str, code: Code, help: &str, sink: &mut Sink) -> Option<String> {
        if self.get(key).is_none() {
            self.missing(code, key, help, sink);
            return None;
        }
        self.unless_empty(key, code, help, sink)
    }

    /// A string that says something where it is there; an empty one is a mistake of its own kind.
    pub(super) fn unless_empty(&self, key: &str, code: Code, help: &str, sink: &mut Sink) -> Option<String> {
        let text = self.text(key, sink)?;
        let what = format!("`{key}` of {}", self.what);
        if text.value.trim().is_empty() {
            sink.say(Mistake::new(code, format!("{what} is empty"), help).at(&text.span, "empty"));
            return None;
        }
        says_something(&text, &what, sink).then_some(text.value)
    }

    /// Strings that say something; empty where the key isn't there.
    pub(super) fn lines(&self, key: &str, sink: &mut Sink) -> Vec<At<String>> {
        let what = format!("an entry of `{key}` of {}", self.what);
        let texts = self
            .array(key, sink)
            .into_iter()
            .filter_map(|value| string(value, &what, sink))
            .collect::<Vec<_>>();
        texts.into_iter().filter(|text| says_something(text, &what, sink)).collect()
    }

    /// The values of a list; empty where the key isn't there.
    pub(super) fn array(&self, key: &str, sink: &mut Sink) -> Vec<&'a Spanned<DeValue<'a>>> {
        match self.get(key).map(|value| (value, value.get_ref())) {
            None => Vec::new(),
            Some((_, DeValue::Array(array))) => array.iter().collect(),
            Some((value, _)) => {
                let help = format!("put it in brackets, even a single one: {key} = [\"…\"]");
                sink.say(wrong_type(value, &format!("`{key}` of {}", self.what), "a list", &help));
                Vec::new()
            }
        }
    }

    /// Where a list is, and how many entries were written, readable or not.
    pub(super) fn written(&self, key: &str) -> Option<At<usize>> {
        let list = self.get(key)?;
        Some(At { value: list.get_ref().as_array()?.len(), span: list.span() })
    }

    /// Whether nothing of a list that may be left out is unknown, when so many of its entries could be read.
    pub(super) fn all_known(&self, key: &str, read: usize) -> bool {
        match self.get(key) {
            None => !self.misspelt.iter().any(|known| known == key),
            Some(_) => self.written(key).is_some_and(|written| written.value == read),
        }
    }

    pub(super) fn boolean(&self, key: &str, sink: &mut Sink) -> Option<bool> {
        let value = self.get(key)?;
        if let DeValue::Boolean(yes) = value.get_ref() {
            return Some(*yes);
        }
        let what = format!("`{key}` of {}", self.what);
        sink.say(wrong_type(
            value,
            &what,
            "true or false",
            &format!("{key} = true or {key} = false, without quotes"),
        ));
        None
    }

    /// A whole number within bounds.
    pub(super) fn integer(&self, key: &str, bounds: RangeInclusive<u32>, sink: &mut Sink) -> Option<u32> {
        let value = self.get(key)?;
        let what = format!("`{key}` of {}", self.what);
        let DeValue::Integer(integer) = value.get_ref() else {
            let help = format!("{key} = {}, without quotes", bounds.start());
            sink.say(wrong_type(value, &what, "a whole number", &help));
            return None;
        };
        // A number that u32 can't hold is out of these bounds as well.
        let number =
            u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|n| bounds.contains(n));
        if number.is_none() {
            let message = format!("{what} is {}", hint::shortened(&integer.to_string()));
            let help = format!("it must be between {} and {}", bounds.start(), bounds.end());
            sink.say(Mistake::new(Code::OutOfBounds, message, help).at(&value.span(), "out of bounds"));
        }
        number
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &Words<T>, sink: &mut Sink) -> Option<At<T>> {
        word(self.get(key)?, &format!("`{key}` of {}", self.what), words, sink)
    }
}

/// A string, whatever is in it.
pub(super) fn string(value: &Spanned<DeValue<'_>>, what: &str, sink: &mut Sink) -> Option<At<String>> {
    match value.get_ref() {
        DeValue::String(text) => Some(At { value: text.to_string(), span: value.span() }),
        _ => {
            sink.say(wrong_type(value, what, "a string", "put it in double quotes"));
            None
        }
    }
}

/// One of some words.
pub(super) fn word<T: Copy>(
    value: &Spanned<DeValue<'_>>,
    what: &str,
    words: &Words<T>,
    sink: &mut Sink,
) -> Option<At<T>> {
    let text = string(value, what, sink)?;
    let known = words.known.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
    if known.is_none() {
        let all: Vec<_> = words.known.iter().map(|(word, _)| *word).collect();
        let message = format!("{} is no {} known here", hint::quoted(&text.value), words.what);
        let help = format!("{}known are {}", sink.meant(&text.value, all.iter().copied()), hint::list(&all));
        sink.say(
            Mistake::new(words.code, message, help).at(&text.span, format!("not a known {}", words.what)),
        );
    }
    Some(At { value: known?, span: text.span })
}

fn says_something(text: &At<String>, what: &str, sink: &mut Sink) -> bool {
    let (why, help) = if text.value.trim().is_empty() {
        ("is empty", "write something in it, or leave the key out")
    } else if text.value.chars().any(char::is_control) {
        ("holds a control character", "write it on one line, without tabs and escapes")
    } else {
        return true;
    };
    sink.say(Mistake::new(Code::InvalidText, format!("{what} {why}"), help).at(&text.span, why));
    false
}

/// The mistake that a value is of another type.
pub(super) fn wrong_type(value: &Spanned<DeValue<'_>>, what: &str, wanted: &str, help: &str) -> Mistake {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Mistake::new(Code::WrongType, format!("{what} is {found}, and must be {wanted}"), help)
        .at(&value.span(), format!("{found}, not {wanted}"))
}
