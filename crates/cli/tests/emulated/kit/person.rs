//! The person at the terminal: reads what is asked, goes to the emulated console and does it, types what came of it.

use std::time::Duration;

use kaketsugi_emulator::{Instruction, Reply};
use kaketsugi_plan::{Action, Content, Plan, StepId};

use super::{Event, Prompt, Site, Terminal};

/// No step of an emulated run takes longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a question asks for. The words must hold everything that somebody needs who hasn't read the plan.
pub(crate) fn instruction(plan: &Plan, prompt: &Prompt) -> Instruction {
    let step = plan.step(&StepId::new(prompt.step.as_str())).unwrap_or_else(|| panic!("{prompt:?}"));
    let names = |word: &str| assert!(prompt.text.contains(word), "{word} isn't named: {}", prompt.text);
    match &step.action {
        Action::Install { node, release } => {
            let part = plan.payload.find(release).unwrap();
            let Content::Media(media) = &part.content else { panic!("{release} has no media") };
            let path = media[0].path.clone();
            names(node.as_str());
            names(path.rsplit('\\').next().unwrap());
            Instruction::Install { node: node.to_string(), path }
        }
        Action::Optimize { node } => {
            names(node.as_str());
            names("perfwiz");
            Instruction::Optimize { node: node.to_string() }
        }
        Action::UpgradeGroup { group, node, .. } => {
            names(node.as_str());
            names(group.as_str());
            names("Cluster Administrator");
            Instruction::UpgradeEvs { group: group.to_string(), node: node.to_string() }
        }
        Action::Attest { evidence } => {
            let kind = serde_json::to_value(evidence).unwrap();
            Instruction::Attest { what: kind.as_str().unwrap().to_owned() }
        }
        other => panic!("nobody said that a person does this: {other:?}"),
    }
}

/// Does what is asked until the program ends; gives back its exit code, or the signal that ended it (negative).
pub(crate) fn attend(site: &Site, plan: &Plan, terminal: &mut Terminal) -> i32 {
    loop {
        match terminal.next(PATIENCE) {
            Event::Asked(prompt) => {
                let instruction = instruction(plan, &prompt);
                let answer = match site.runtime.block_on(site.emulation.person().do_(instruction)) {
                    Reply::Done { .. } => "done".to_owned(),
                    Reply::Failed(why) => format!("cannot {why}"),
                };
                terminal.enter(&answer);
            }
            Event::Ended(code) => return code,
            Event::Quiet => panic!("nothing happens any more:\n{}", terminal.text()),
        }
    }
}
