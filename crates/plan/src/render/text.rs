//! Writes a page as text for a terminal or a mail: aligned, wrapped, without colours.

use unicode_width::UnicodeWidthStr;

use super::clean;
use super::page::{Block, Entry, Field, Line, Page, Piece, Table};

/// Nothing narrower is written; tables would fall apart.
const WIDTH_MIN: usize = 40;
/// Between columns of a table.
const GAP: usize = 2;
/// No column of a table becomes narrower.
const COLUMN_MIN: usize = 8;

pub(super) fn write(page: &Page, width: usize) -> String {
    let mut writer = Writer { out: String::new(), width: width.max(WIDTH_MIN) };
    for (index, block) in page.blocks.iter().enumerate() {
        if index > 0 {
            writer.out.push('\n');
        }
        writer.block(block);
    }
    writer.out
}

struct Writer {
    out: String,
    width: usize,
}

impl Writer {
    fn block(&mut self, block: &Block) {
        match block {
            Block::Title(line) => self.ruled(&plain(line), "═"),
            Block::Heading(line) => {
                self.out.push('\n');
                self.ruled(&plain(line).to_uppercase(), "─");
            }
            Block::Part(line) => {
                let title = format!("── {} ", plain(line));
                let rest = self.width.saturating_sub(title.width());
                self.line(0, &format!("{title}{}", "─".repeat(rest)));
            }
            Block::Text(line) => self.wrapped("", 0, &plain(line)),
            Block::Fields(fields) => self.fields(0, fields),
            Block::Table(table) => self.table(table),
            Block::List(lines) => {
                for line in lines {
                    self.wrapped("- ", 2, &plain(line));
                }
            }
            Block::Entry(entry) => self.entry(entry),
            Block::Output(output) => {
                for line in clean::lines(output) {
                    self.line(0, &format!("  | {line}"));
                }
            }
        }
    }

    fn ruled(&mut self, words: &str, rule: &str) {
        self.wrapped("", 0, words);
        self.line(0, &rule.repeat(words.width().min(self.width)));
    }

    fn line(&mut self, indent: usize, words: &str) {
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(words);
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        self.out.push('\n');
    }

    /// Words behind a lead, wrapped at `indent`; the lead stands before the first line and is no wider than that.
    fn wrapped(&mut self, lead: &str, indent: usize, words: &str) {
        let lines = wrap(words, self.width.saturating_sub(indent));
        for (index, line) in lines.iter().enumerate() {
            if index == 0 {
                self.line(0, &format!("{}{line}", pad(lead, indent)));
            } else {
                self.line(indent, line);
            }
        }
    }

    fn fields(&mut self, indent: usize, fields: &[Field]) {
        let labels = fields.iter().map(|f| f.label.width()).max().unwrap_or_default();
        for field in fields {
            self.field(indent, labels, field);
        }
    }

    fn field(&mut self, indent: usize, labels: usize, field: &Field) {
        let column = indent + labels + GAP;
        for (index, value) in field.values.iter().enumerate() {
            let label = if index == 0 { field.label } else { "" };
            let lead = format!("{}{label}", " ".repeat(indent));
            // What goes on stands further in, so that two values are not taken for one.
            let hang = if field.values.len() > 1 { GAP } else { 0 };
            let lines = wrap(&plain(value), self.width.saturating_sub(column + hang));
            for (number, line) in lines.iter().enumerate() {
                let (lead, column) = if number == 0 { (lead.as_str(), column) } else { ("", column + hang) };
                self.line(0, &format!("{}{line}", pad(lead, column)));
            }
        }
    }

    fn entry(&mut self, entry: &Entry) {
        const INDENT: usize = 5;
        // One column for all entries: the eye finds the same thing at the same place.
        const LABELS: usize = 11;
        self.wrapped(&format!("{:>3}", entry.number), INDENT, &plain(&entry.title));
        self.wrapped("", INDENT, &plain(&entry.remark));
        for warning in &entry.warnings {
            self.wrapped("  !", INDENT, &plain(warning));
        }
        if let Some(instruction) = &entry.instruction {
            let lines = wrap(&plain(instruction), self.width.saturating_sub(INDENT + 2));
            for line in lines {
                self.line(INDENT, &format!("> {line}"));
            }
            // A line to be typed stays one line, however wide.
            for line in &entry.typed {
                self.line(INDENT, &format!(">     {}", clean::line(line)));
            }
        }
        for field in &entry.fields {
            self.field(INDENT, LABELS, field);
        }
    }

    fn table(&mut self, table: &Table) {
        let rows: Vec<Vec<String>> = table.rows.iter().map(|r| r.iter().map(plain).collect()).collect();
        let mut widths: Vec<usize> = table.head.iter().map(|h| h.width()).collect();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > self.width {
            let Some(widest) = widths.iter_mut().max().filter(|w| **w > COLUMN_MIN) else { break };
            *widest -= 1;
        }
        let head: Vec<String> = table.head.iter().map(|h| (*h).to_owned()).collect();
        self.row(&widths, &head);
        self.row(&widths, &widths.iter().map(|w| "─".repeat(*w)).collect::<Vec<_>>());
        for row in &rows {
            self.row(&widths, row);
        }
    }

    fn row(&mut self, widths: &[usize], cells: &[String]) {
        let cells: Vec<Vec<String>> = widths.iter().zip(cells).map(|(w, c)| wrap(c, *w)).collect();
        for index in 0..cells.iter().map(Vec::len).max().unwrap_or_default() {
            let line: Vec<String> = widths
                .iter()
                .zip(&cells)
                .map(|(width, cell)| pad(cell.get(index).map_or("", String::as_str), *width))
                .collect();
            self.line(0, &line.join(&" ".repeat(GAP)));
        }
    }
}

fn plain(line: &Line) -> String {
    let pieces = line.0.iter().map(|piece| match piece {
        Piece::Plain(words) | Piece::Code(words) | Piece::Strong(words) => clean::line(words),
    });
    pieces.collect()
}

/// Words with blanks behind, up to a column.
fn pad(words: &str, column: usize) -> String {
    format!("{words}{}", " ".repeat(column.saturating_sub(words.width())))
}

/// Lines no wider than `width`; a word that is wider than that alone is cut. Nothing gives one empty line.
fn wrap(words: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words.split(' ').filter(|w| !w.is_empty()) {
        let needed = line.width() + usize::from(!line.is_empty()) + word.width();
        if needed > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        if word.width() <= width {
            line.push_str(word);
            continue;
        }
        for c in word.chars() {
            if line.width() + c.to_string().width() > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked_even_with_wide_letters() {
        let mut page = Page::new("掛け継ぎ");
        page.fields(vec![
            Field::one("Estate", "仮想サーバー".repeat(20)),
            Field::one("L", "words ".repeat(40)),
        ]);
        let row = |a: &str, b: &str| vec![a.into(), Line::from(b.repeat(30))];
        page.table(&["one", "two"], vec![row("仮想", "0123456789"), row("x", "long words ")]);
        let text = page.to_text(60);
        for line in text.lines() {
            assert!(line.width() <= 60, "{} {line}", line.width());
        }
        assert_eq!(text.matches("long words").count(), 30, "nothing is lost:\n{text}");
    }

    #[test]
    fn columns_are_aligned() {
        let mut page = Page::new("t");
        page.table(&["n", "what"], vec![vec!["10".into(), "a".into()], vec!["仮".into(), "b".into()]]);
        assert!(page.to_text(60).ends_with("n   what\n──  ────\n10  a\n仮  b\n"), "{}", page.to_text(60));
    }
}
