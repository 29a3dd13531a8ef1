//! An estate file with ten mistakes: all ten at once, each at its line and column, each with a hint.

use kaketsugi_estate::file::{Code, parse};
use miette::Diagnostic as _;

const TEXT: &str = include_str!("data/ten-mistakes.toml");

#[test]
fn all_ten_are_reported_at_once_each_at_its_place() {
    let mistakes = parse("ten-mistakes.toml", TEXT).unwrap_err();
    let found: Vec<_> =
        mistakes.list().iter().map(|m| (m.at.unwrap().to_string(), m.code.as_str())).collect();
    let found: Vec<_> = found.iter().map(|(at, code)| (at.as_str(), *code)).collect();
    assert_eq!(
        found,
        [
            ("9:1", "estate::unknown-key"),
            ("15:11", "estate::unknown-product"),
            ("19:11", "estate::duplicate-address"),
            ("21:10", "estate::wrong-type"),
            // Columns count characters: `ノード3` before it has five bytes more than it has columns.
            ("30:22", "estate::unknown-owner"),
            ("31:22", "estate::empty-health-command"),
            ("36:9", "estate::too-few-nodes"),
            ("36:10", "estate::node-in-two-clusters"),
            ("39:16", "estate::out-of-bounds"),
            ("43:6", "estate::invalid-time"),
        ]
    );
    assert_eq!(mistakes.to_string(), "10 mistakes in ten-mistakes.toml");
    assert_eq!(mistakes.left_out(), 0);
}

#[test]
fn each_has_a_message_a_label_and_a_hint() {
    let mistakes = parse("ten-mistakes.toml", TEXT).unwrap_err();
    let list = mistakes.list();
    assert_eq!(list[0].message, "server `n1` has no key `adress`");
    assert!(
        list[0].help.starts_with("did you mean `address`? its keys are `name`, `address`, "),
        "{}",
        list[0].help
    );
    assert_eq!(
        list[1].help,
        "did you mean `debian`? known are `exchange-2003`, `exchange-2000`, `exchange-5.5` and `debian`"
    );
    assert_eq!(list[4].message, "`n4` is no node of `メール`");
    assert_eq!(list[4].help, "its nodes are `n1`, `n2` and `ノード3`");
    assert_eq!(list[8].help, "it must be between 0 and 86400");
    for mistake in list {
        assert!(!mistake.help.is_empty() && !mistake.label().unwrap().is_empty(), "{mistake:?}");
        assert!(!mistake.message.ends_with('.'), "{}", mistake.message);
    }
}

/// What miette is given: the code, the text, and the places; the second label names where it was first.
#[test]
fn miette_can_show_them_with_their_text() {
    let mistakes = parse("ten-mistakes.toml", TEXT).unwrap_err();
    let related: Vec<_> = mistakes.related().unwrap().collect();
    assert_eq!(related.len(), 10);
    let labels: Vec<_> = related[2].labels().unwrap().collect();
    let at = |i: usize| &TEXT[labels[i].offset()..labels[i].offset() + labels[i].len()];
    assert_eq!((at(0), at(1)), ("\"10.0.0.12\"", "\"10.0.0.12\""));
    assert!(labels[0].primary() && !labels[1].primary() && labels[1].offset() < labels[0].offset());
    let shown = format!("{:?}", miette::Report::new(mistakes));
    assert!(shown.contains("ten-mistakes.toml:19:11") && shown.contains("first here"), "{shown}");
}

#[test]
fn as_json_each_has_line_and_column() {
    let mistakes = parse("ten-mistakes.toml", TEXT).unwrap_err();
    let json = serde_json::to_value(&mistakes.list()[7]).unwrap();
    assert_eq!(json["code"], Code::NodeInTwoClusters.as_str());
    assert_eq!((&json["line"], &json["column"]), (&36.into(), &10.into()));
    assert_eq!(json["message"], "`ノード3` is a node of two clusters");
}
