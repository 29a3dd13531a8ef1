//! `rules` and `releases`: what is known.

use kaketsugi_knowledge::Rule;

use crate::args::Lang;
use crate::exit::{Code, Failure};
use crate::output::Output;

pub(crate) fn rules(output: &Output, lang: Lang) -> Result<Code, Failure> {
    let rules: Vec<_> = kaketsugi_knowledge::rules().iter().collect();
    output.result(&rules, || {
        let mut text = String::new();
        for rule in &rules {
            let acts = match rule.in_force.as_slice() {
                [] => "nowhere yet".to_owned(),
                places => places.join(", "),
            };
            text.push_str(&format!(
                "{:<24} {:?}, {:?}\n    {}\n    Acts: {acts}\n",
                rule.id.to_string(),
                rule.kind,
                rule.force,
                text_of(rule, lang)
            ));
        }
        text
    });
    Ok(Code::Done)
}

/// A rule in a language; English where it hasn't been written in that one.
pub(crate) fn text_of(rule: &Rule, lang: Lang) -> &str {
    match lang {
        Lang::Ja => rule.ja.as_deref().unwrap_or(&rule.text),
        Lang::En => &rule.text,
    }
}

pub(crate) fn releases(output: &Output) -> Result<Code, Failure> {
    let releases: Vec<_> = kaketsugi_knowledge::releases().iter().collect();
    output.result(&releases, || {
        let mut text = String::from(
            "debian-updates                 Debian packages: what the nodes' own archives offer now\n",
        );
        for release in &releases {
            text.push_str(&format!("{:<30} {}\n", release.id.to_string(), release.title));
        }
        text
    });
    Ok(Code::Done)
}
