//! Writes a page as Markdown: CommonMark with the tables of GitHub. Everything that isn't ours is escaped.

use super::clean;
use super::page::{Block, Entry, Field, Line, Page, Piece, Table};

pub(super) fn write(page: &Page) -> String {
    let blocks: Vec<String> = page.blocks.iter().map(block).collect();
    let mut text = blocks.join("\n");
    let kept = text.trim_end().len();
    text.truncate(kept);
    text.push('\n');
    text
}

fn block(block: &Block) -> String {
    match block {
        Block::Title(line) => format!("# {}\n", marked(line)),
        Block::Heading(line) => format!("## {}\n", marked(line)),
        Block::Part(line) => format!("### {}\n", marked(line)),
        Block::Text(line) => format!("{}\n", paragraph(line)),
        Block::Fields(fields) => fields.iter().map(field).collect(),
        Block::Table(table) => self::table(table),
        Block::List(lines) => lines.iter().map(|l| format!("- {}\n", paragraph(l))).collect(),
        Block::Entry(entry) => self::entry(entry),
        Block::Output(output) => fenced(output),
    }
}

fn field(field: &Field) -> String {
    match field.values.as_slice() {
        [one] => format!("- **{}:** {}\n", field.label, marked(one)),
        several => {
            let values: String = several.iter().map(|v| format!("  - {}\n", paragraph(v))).collect();
            format!("- **{}:**\n{values}", field.label)
        }
    }
}

fn entry(entry: &Entry) -> String {
    let mut text =
        format!("#### {}. {}\n\n{}\n\n", entry.number, marked(&entry.title), paragraph(&entry.remark));
    for warning in &entry.warnings {
        text.push_str(&format!("**⚠ {}**\n\n", marked(warning)));
    }
    if let Some(instruction) = &entry.instruction {
        text.push_str(&format!("> {}\n", paragraph(instruction)));
        if !entry.typed.is_empty() {
            text.push_str(">\n");
        }
        for line in &entry.typed {
            text.push_str(&format!("> - {}\n", code(&clean::line(line))));
        }
        text.push('\n');
    }
    text.extend(entry.fields.iter().map(field));
    text
}

fn table(table: &Table) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = row(table.head.iter().map(|h| (*h).to_owned()).collect());
    text.push_str(&row(table.head.iter().map(|_| "---".to_owned()).collect()));
    for cells in &table.rows {
        text.push_str(&row(cells.iter().map(cell).collect()));
    }
    text
}

/// Text between fences that are longer than any row of backticks in it, so that none of it can end them.
fn fenced(output: &str) -> String {
    let lines = clean::lines(output);
    let longest = lines.iter().map(|l| row_of_backticks(l)).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

fn row_of_backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// A line that begins a paragraph: what would make it a heading, a list or a rule is escaped as well.
fn paragraph(line: &Line) -> String {
    let text = marked(line);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && text[digits..].starts_with(['.', ')']) {
        return format!("{}\\{}", &text[..digits], &text[digits..]);
    }
    if text.starts_with(['#', '+', '-', '=']) { format!("\\{text}") } else { text }
}

fn marked(line: &Line) -> String {
    let pieces = line.0.iter().map(|piece| match piece {
        Piece::Plain(words) => escaped(words),
        Piece::Code(name) => code(&clean::line(name)),
        Piece::Strong(words) => strong(&escaped(words)),
    });
    pieces.collect::<String>().trim().to_owned()
}

/// Strong words; blanks at their edges would keep the stars from being signs.
fn strong(words: &str) -> String {
    let core = words.trim();
    if core.is_empty() { words.to_owned() } else { words.replacen(core, &format!("**{core}**"), 1) }
}

/// A cell of a table: a bar would end it even within a name.
fn cell(line: &Line) -> String {
    let pieces = line.0.iter().map(|piece| match piece {
        Piece::Code(name) => Piece::Code(name.replace('|', "\\|")),
        other => other.clone(),
    });
    marked(&Line(pieces.collect()))
}

/// Words with everything escaped that Markdown or HTML would take for a sign.
fn escaped(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for c in clean::line(words).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// A name between backticks, more of them than it holds itself.
fn code(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(row_of_backticks(name) + 1);
    let edge = if name.starts_with('`') || name.ends_with('`') { " " } else { "" };
    format!("{ticks}{edge}{name}{edge}{ticks}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        let text = fenced("a\n```\n# not a heading\n`````\n");
        assert_eq!(text, "``````text\na\n```\n# not a heading\n`````\n``````\n");
    }

    #[test]
    fn signs_of_others_are_words() {
        let line = Line::from("1. *a* <b> [c](d) | e\n# f ").code("g|`h");
        assert_eq!(paragraph(&line), r"1\. \*a\* \<b\> \[c\](d) \| e # f ``g|`h``");
        assert_eq!(cell(&line), r"1. \*a\* \<b\> \[c\](d) \| e # f ``g\|`h``");
    }
}
