//! A page in the making: headings, fields, tables, steps, foreign output. It says what is to be read, not how it
//! looks; `text` and `markdown` write it down.
//!
//! Whatever comes from outside (names, versions, people's words, output of commands) goes in as it is. The writers
//! take care that none of it can be mistaken for part of the page.

/// A page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub(super) blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// What the page is.
    Title(Line),
    /// A chapter.
    Heading(Line),
    /// A part of a chapter.
    Part(Line),
    /// A paragraph.
    Text(Line),
    /// Labels with one or more values each, aligned.
    Fields(Vec<Field>),
    /// A table.
    Table(Table),
    /// A list.
    List(Vec<Line>),
    /// A numbered entry: a step.
    Entry(Entry),
    /// Text that somebody else wrote, line by line.
    Output(String),
}

/// A line of text, some of it names or commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(pub(super) Vec<Piece>);

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Words.
    Plain(String),
    /// A name or a command, to be taken letter by letter.
    Code(String),
    /// Words that must not be overlooked.
    Strong(String),
}

/// A label and what is said under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub(super) label: &'static str,
    pub(super) values: Vec<Line>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Line>>,
}

/// A numbered entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub(super) number: usize,
    pub(super) title: Line,
    /// Who, how long, which: one line below the title.
    pub(super) remark: Line,
    /// What must not be overlooked.
    pub(super) warnings: Vec<Line>,
    /// What a person is asked to do, word by word.
    pub(super) instruction: Option<Line>,
    /// What they type, line by line; never wrapped.
    pub(super) typed: Vec<String>,
    pub(super) fields: Vec<Field>,
}

impl Line {
    /// Goes on with words.
    #[must_use]
    pub fn then(mut self, words: impl Into<String>) -> Self {
        self.0.push(Piece::Plain(words.into()));
        self
    }

    /// Goes on with a name or a command.
    #[must_use]
    pub fn code(mut self, name: impl Into<String>) -> Self {
        self.0.push(Piece::Code(name.into()));
        self
    }

    /// Goes on with words that must not be overlooked.
    #[must_use]
    pub fn strong(mut self, words: impl Into<String>) -> Self {
        self.0.push(Piece::Strong(words.into()));
        self
    }

    /// Goes on with names, a comma between.
    #[must_use]
    pub fn codes<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        for (index, name) in names.into_iter().enumerate() {
            if index > 0 {
                self = self.then(", ");
            }
            self = self.code(name);
        }
        self
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Line {
    fn from(words: String) -> Self {
        Self(vec![Piece::Plain(words)])
    }
}

impl From<&str> for Line {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl Field {
    /// A label and its values.
    #[must_use]
    pub fn new(label: &'static str, values: Vec<Line>) -> Self {
        Self { label, values }
    }

    /// A label and its only value.
    #[must_use]
    pub fn one(label: &'static str, value: impl Into<Line>) -> Self {
        Self::new(label, vec![value.into()])
    }
}

impl Entry {
    /// An entry with its number, its title and a remark below.
    #[must_use]
    pub fn new(number: usize, title: impl Into<Line>, remark: impl Into<Line>) -> Self {
        Self { number, title: title.into(), remark: remark.into(), ..Self::default() }
    }

    /// Adds what must not be overlooked.
    pub fn warn(&mut self, warning: impl Into<Line>) {
        self.warnings.push(warning.into());
    }

    /// Adds what a person is asked to do: words, and lines that begin with blanks for what they type.
    pub fn instruct(&mut self, instruction: &str) {
        let (typed, words): (Vec<&str>, Vec<&str>) = instruction.lines().partition(|l| l.starts_with("    "));
        self.instruction = Some(words.join(" ").into());
        self.typed = typed.into_iter().map(|line| line.trim().to_owned()).collect();
    }

    /// Adds a label with its values; without values, nothing.
    pub fn field(&mut self, label: &'static str, values: Vec<Line>) {
        if !values.is_empty() {
            self.fields.push(Field::new(label, values));
        }
    }
}

impl Page {
    /// A page with its title.
    #[must_use]
    pub fn new(title: impl Into<Line>) -> Self {
        Self { blocks: vec![Block::Title(title.into())] }
    }

    /// A chapter begins.
    pub fn heading(&mut self, words: impl Into<Line>) {
        self.blocks.push(Block::Heading(words.into()));
    }

    /// A part of a chapter begins.
    pub fn part(&mut self, words: impl Into<Line>) {
        self.blocks.push(Block::Part(words.into()));
    }

    /// A paragraph.
    pub fn text(&mut self, words: impl Into<Line>) {
        self.blocks.push(Block::Text(words.into()));
    }

    /// Labels with values; those without a value are left out.
    pub fn fields(&mut self, mut fields: Vec<Field>) {
        fields.retain(|f| !f.values.is_empty());
        if !fields.is_empty() {
            self.blocks.push(Block::Fields(fields));
        }
    }

    /// A table; one without rows is left out.
    pub fn table(&mut self, head: &[&'static str], rows: Vec<Vec<Line>>) {
        if !rows.is_empty() {
            self.blocks.push(Block::Table(Table { head: head.to_vec(), rows }));
        }
    }

    /// A list; an empty one is left out.
    pub fn list(&mut self, lines: Vec<Line>) {
        if !lines.is_empty() {
            self.blocks.push(Block::List(lines));
        }
    }

    /// A numbered entry.
    pub fn entry(&mut self, entry: Entry) {
        self.blocks.push(Block::Entry(entry));
    }

    /// Text that somebody else wrote, shown line by line and never as part of the page.
    pub fn output(&mut self, output: impl Into<String>) {
        self.blocks.push(Block::Output(output.into()));
    }

    /// The page as text, no line wider than `width` columns where that can be done (at least 40).
    #[must_use]
    pub fn to_text(&self, width: usize) -> String {
        super::text::write(self, width)
    }

    /// The page as Markdown (CommonMark with tables).
    #[must_use]
    pub fn to_markdown(&self) -> String {
        super::markdown::write(self)
    }
}
