//! Any text: no panic, no mistake without a place in it, no end without either an estate or a mistake; and what is
//! written from an estate is the same estate again.

use kaketsugi_estate::file::{BYTES_MAX, Code, parse, to_toml};
use kaketsugi_estate::{Estate, Pool, PoolId, ServerId};
use proptest::prelude::*;

/// Pieces of estate files, so that random text gets past the first line.
const PIECES: &[&str] = &[
    "[[server]]\n",
    "[server]\n",
    "[[cluster]]\n",
    "[[cluster.group]]\n",
    "[[pool]]\n",
    "[policy]\n",
    "[[policy.waivers]]\n",
    "[[evidence]]\n",
    "[[media]]\n",
    "[rehearsal]\n",
    "[rehearsal.nodes.n1]\n",
    "[rehearsal.groups.g]\n",
    "[a.b]\n",
    "[[a]]\n",
    "name = ",
    "address = ",
    "product = ",
    "os = ",
    "kind = ",
    "nodes = ",
    "preferred = ",
    "servers = ",
    "state = ",
    "out = ",
    "in = ",
    "health = ",
    "become = ",
    "roles = ",
    "at = ",
    "by = ",
    "rule = ",
    "command = ",
    "soak-seconds = ",
    "server = ",
    "nodes.n1.x = ",
    "sha256 = ",
    "\"n1\"",
    "\"n2\"",
    "\"g\"",
    "\"debian\"",
    "\"pacemaker\"",
    "\"exchange-2003\"",
    "\"windows-2003\"",
    "\"仮\"",
    "'x'",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "\"",
    "\"\"\"",
    "'",
    "#",
    "\n",
    " ",
    "\r\n",
    "1",
    "-0.5",
    "true",
    "0xFF",
    "2026-11-22T01:00:00Z",
    "2026-11-22",
    "[\"n1\", \"n2\"]",
    "[\"front-end\"]",
    "{ command = \"x\" }",
    "\\",
    "\u{0}",
    "é",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

const FILES: &[&str] = &[
    include_str!("../../../examples/exchange-2003-two-node.toml"),
    include_str!("../../../examples/pacemaker-three-node.toml"),
    include_str!("data/everything.toml"),
];

/// A sound file with a piece of it cut out or put in twice.
fn damaged() -> impl Strategy<Value = String> {
    (prop::sample::select(FILES).prop_map(str::to_owned), any::<[prop::sample::Index; 2]>(), any::<bool>())
        .prop_map(|(text, [a, b], cut)| {
            let chars: Vec<_> = text.chars().collect();
            let (a, b) = (a.index(chars.len()), b.index(chars.len()));
            let (a, b) = (a.min(b), a.max(b).min(a.min(b) + 200));
            let tail = if cut { b } else { a };
            chars[..b - if cut { b - a } else { 0 }].iter().chain(&chars[tail..]).collect()
        })
}

/// A command line as a pool takes it: whatever stands on one line.
fn command() -> impl Strategy<Value = String> {
    r"\PC{1,40}"
        .prop_filter("not blank", |line| !line.trim().is_empty() && !line.chars().any(char::is_control))
}

/// An estate of front ends, some of them in pools.
fn pooled() -> impl Strategy<Value = Estate> {
    let optional = || prop::option::of(command());
    let pools = prop::collection::vec((2..5_usize, command(), optional(), optional()), 0..4);
    (pools, 1..4_usize).prop_map(|(pools, alone)| {
        let count = alone + pools.iter().map(|(size, ..)| size).sum::<usize>();
        let mut text = String::from("name = \"e\"\n");
        for i in 0..count {
            text +=
                &format!("[[server]]\nname = \"FE{i}\"\naddress = \"fe{i}\"\nproduct = \"exchange-2000\"\n");
            text += "roles = [\"front-end\"]\n";
        }
        let mut estate = parse("front-ends.toml", &text).unwrap();
        let mut ids = (0..count).rev().map(|i| ServerId::new(format!("FE{i}")).unwrap());
        for (i, (size, state, out, r#in)) in pools.into_iter().enumerate() {
            let servers = ids.by_ref().take(size).collect();
            estate.pools.insert(PoolId::new(format!("pool{i}")).unwrap(), Pool { servers, state, out, r#in });
        }
        estate
    })
}

fn holds(text: &str) -> Result<(), TestCaseError> {
    match parse("any.toml", text) {
        Ok(estate) => {
            let written = to_toml(&estate).unwrap();
            prop_assert_eq!(parse("written.toml", &written).unwrap(), estate, "{}", written);
        }
        Err(mistakes) => {
            prop_assert!(!mistakes.list().is_empty(), "neither an estate nor a mistake");
            let lines = text.split('\n').count();
            for mistake in mistakes.list() {
                let at = mistake.at.unwrap();
                prop_assert!((1..=lines).contains(&at.line) && at.column >= 1, "{:?}", mistake);
                let span = mistake.span().unwrap();
                prop_assert!(text.get(span).is_some(), "{:?}", mistake);
                prop_assert!(!mistake.message.chars().any(char::is_control), "{:?}", mistake);
            }
            // Showing them must not panic either.
            let shown = format!("{:?}", miette::Report::new(mistakes));
            prop_assert!(shown.contains("any.toml"));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn of_any_characters(text in any::<String>()) {
        holds(&text)?;
    }

    #[test]
    fn of_pieces_of_estate_files(text in soup()) {
        holds(&text)?;
    }

    #[test]
    fn of_estates_with_pools(estate in pooled()) {
        let text = to_toml(&estate).unwrap();
        prop_assert_eq!(parse("pools.toml", &text).unwrap(), estate, "{}", text);
        holds(&text)?;
    }

    #[test]
    fn of_damaged_estate_files(text in damaged()) {
        holds(&text)?;
    }
}

#[test]
fn nothing_is_lost_between_file_and_estate() {
    let text = include_str!("data/everything.toml");
    let estate = parse("everything.toml", text).unwrap();
    let written = to_toml(&estate).unwrap();
    assert_eq!(parse("written.toml", &written).unwrap(), estate);
    assert_eq!(
        to_toml(&parse("written.toml", &written).unwrap()).unwrap(),
        written,
        "the canonical form is its own"
    );
    // Every value of the file is in the estate: taken out of the file, it is missed.
    for (i, line) in text.lines().enumerate().filter(|(_, line)| line.contains(" = ")) {
        let without: String =
            text.lines().enumerate().filter(|(j, _)| i != *j).map(|(_, line)| format!("{line}\n")).collect();
        assert_ne!(parse("without.toml", &without).ok().as_ref(), Some(&estate), "{line}");
    }
}

#[test]
fn large_input_is_bounded() {
    let at_most = format!("{}{}", "#".repeat(BYTES_MAX - 1), "\n");
    assert_eq!(parse("e.toml", &at_most).unwrap_err().list()[0].code, Code::MissingKey);
    let more = parse("e.toml", &format!("{at_most}\n")).unwrap_err();
    assert_eq!(more.list()[0].code, Code::TooBig);
    assert!(more.list()[0].message.contains("1048577 bytes"), "{}", more.list()[0].message);
}

/// As many mistakes as fit into the longest file: the first are shown, the others counted, and it doesn't take long.
#[test]
fn very_many_mistakes_are_counted() {
    let mut text = String::from("name = \"e\"\n");
    for i in 0.. {
        let server = format!("[[server]]\nname = \"n{i}\"\nadress = \"n{i}\"\nproduct = \"debain\"\n");
        if text.len() + server.len() > BYTES_MAX {
            break;
        }
        text.push_str(&server);
    }
    let mistakes = parse("e.toml", &text).unwrap_err();
    assert_eq!(mistakes.list().len(), 200);
    assert!(mistakes.left_out() > 10_000);
    assert!(mistakes.to_string().ends_with(" more that aren't shown"), "{mistakes}");
}

/// Deep nesting is refused by the parser and not by the stack.
#[test]
fn deep_nesting_is_refused() {
    for deep in ["[", "{a=", "a."] {
        let text = format!("name = {}", deep.repeat(100_000));
        assert!(parse("e.toml", &text).is_err());
        assert!(parse("e.toml", &deep.repeat(100_000)).is_err());
    }
}
