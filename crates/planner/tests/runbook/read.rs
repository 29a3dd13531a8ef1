//! Markdown as its readers see it.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What a reader of a Markdown page sees of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// All text, a blank between blocks and a space between cells.
    pub(crate) text: String,
    /// Headings.
    pub(crate) headings: Vec<String>,
    /// Code blocks.
    pub(crate) fenced: Vec<String>,
    /// Cells of all tables, by row.
    pub(crate) rows: Vec<Vec<String>>,
    /// HTML, links, images: nothing that a page of ours has.
    pub(crate) foreign: Vec<String>,
}

pub(crate) fn read(markdown: &str) -> Read {
    let mut read = Read::default();
    let (mut heading, mut fence, mut cell) = (None::<String>, None::<String>, None::<String>);
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        let mut text = |words: &str| {
            for open in [&mut heading, &mut fence, &mut cell].into_iter().flatten() {
                open.push_str(words);
            }
            read.text.push_str(words);
        };
        match event {
            Event::Text(words) | Event::Code(words) => text(&words),
            Event::SoftBreak | Event::HardBreak => text(" "),
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => read.headings.extend(heading.take()),
            Event::Start(Tag::CodeBlock(_)) => fence = Some(String::new()),
            Event::End(TagEnd::CodeBlock) => read.fenced.extend(fence.take()),
            Event::Start(Tag::TableRow | Tag::TableHead) => read.rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => cell = Some(String::new()),
            Event::End(TagEnd::TableCell) => {
                read.rows.last_mut().unwrap().extend(cell.take());
                read.text.push(' ');
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) | Event::Html(_) | Event::InlineHtml(_) => {
                read.foreign.push(format!("{event:?}"));
            }
            Event::End(TagEnd::Paragraph | TagEnd::Item) => read.text.push('\n'),
            _ => {}
        }
    }
    read
}
