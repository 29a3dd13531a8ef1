//! `rules` and `releases`: what is known.

use crate::exit::{Code, Failure};
use crate::output::Output;

pub(crate) fn rules(output: &Output) -> Result<Code, Failure> {
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
                rule.text
            ));
        }
        text
    });
    Ok(Code::Done)
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
