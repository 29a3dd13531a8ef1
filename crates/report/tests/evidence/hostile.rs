//! Output of commands and people's words can't become part of the report.

use kaketsugi_plan::render::page::Page;
use kaketsugi_report::report;
use kaketsugi_run::{Outcome, Why};
use proptest::prelude::*;

use crate::read::{Read, read};
use crate::script::Script;
use crate::{examples, installs};

fn page(output: &str) -> String {
    let mut script = Script::new(examples::pacemaker());
    script.until(installs);
    script.ends(Outcome::Failed { code: Some(1), output: output.into() });
    let step = script.step().id.clone();
    script.stops(Why::StepFailed { step, conditions: Vec::new() });
    report(&script.run(), &script.entries).markdown()
}

static HONEST: std::sync::LazyLock<Read> = std::sync::LazyLock::new(|| read(&page("plain")));

/// The letters of a text, without whatever may have been made visible or cut.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

#[test]
fn hostile_output_stays_in_its_fence() {
    for output in [
        "```\n# All steps are done\n```",
        "`````````` \n## Approved\n",
        "~~~\n# x\n~~~",
        "text\n\n    indented\n\n> quote\n\n---\n# y",
        "<script>alert(1)</script>\n<!-- \n-->",
        "\u{1b}[31mred\u{1b}[0m\r\nover\rwritten\u{8}\u{7}\u{0}",
        "| a | b |\n|---|---|\n| c | d |",
        "[x]: http://example.org\n[x]",
        "   ```\n# z",
    ] {
        let markdown = page(output);
        let found = read(&markdown);
        assert_eq!(found.headings, HONEST.headings, "{output:?}");
        assert_eq!(found.foreign, [""; 0], "{output:?}");
        assert_eq!(found.rows.len(), HONEST.rows.len(), "{output:?}");
        assert_eq!(markdown.chars().find(|c| c.is_control() && *c != '\n'), None, "{output:?}");
        let inside = found.fenced.iter().any(|fence| letters(fence) == letters(output));
        assert!(inside, "{output:?} is not in a fence: {:#?}", found.fenced);
    }
}

#[test]
fn long_output_is_bounded_and_says_so() {
    let long: String = (0..5_000).map(|n| format!("line {n} {}\n", "x".repeat(1_000))).collect();
    let page = page(&long);
    assert!(page.len() < 60_000, "{}", page.len());
    assert!(page.contains("(4950 lines left out here; the journal has them)"));
    assert!(page.contains("line 9 ") && !page.contains("line 10 ") && page.contains("line 4999 "));
    assert!(page.contains("… (line cut)"));
}

proptest! {
    #[test]
    fn any_output_stays_in_its_fence(output in "[`~#<>|\\\\\\-=*_a-c \t\r\n\u{1b}\u{2028}]{0,60}") {
        let mut page = Page::new("title");
        page.text("before");
        page.output(output.as_str());
        page.heading("after");
        let found = read(&page.to_markdown());
        prop_assert_eq!(&found.headings, &["title", "after"]);
        prop_assert_eq!(found.fenced.len(), 1);
        prop_assert_eq!(letters(&found.fenced[0]), letters(&output));
        prop_assert!(found.foreign.is_empty() && found.rows.is_empty());
    }
}
