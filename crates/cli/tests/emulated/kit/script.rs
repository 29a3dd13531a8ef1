//! Transcripts written by hand, and the comparison with what nodes and person were told.

/// What is to be told, block by block: a single line, or the lines of a set whose order the document leaves open.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
struct Block {
    step: String,
    lines: Vec<String>,
}

impl Script {
    /// Reads `STEP | WHO | WHAT`; a star after the step makes it one of a set with its like-named neighbours.
    pub(crate) fn read(text: &str) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let [step, who, what] =
                <[&str; 3]>::try_from(line.splitn(3, '|').map(str::trim).collect::<Vec<_>>()).unwrap();
            let lines = resources(what).unwrap_or_else(|| vec![what.to_owned()]);
            let lines = lines.into_iter().map(|what| bare(&format!("{who}: {what}")));
            match blocks.last_mut().filter(|b| step.ends_with('*') && b.step == step) {
                Some(block) => block.lines.extend(lines),
                None => blocks.push(Block { step: step.to_owned(), lines: lines.collect() }),
            }
        }
        Self { blocks }
    }

    /// Compares; the message of a difference names the document's step.
    pub(crate) fn compare(&self, told: &[String]) -> Result<(), String> {
        let mut rest = told.iter().map(|line| bare(line)).collect::<Vec<_>>().into_iter();
        let all = || told.join("\n");
        let speaks_of =
            |what: &str| self.blocks.iter().flat_map(|b| &b.lines).any(|line| line.contains(what));
        for block in &self.blocks {
            let mut expected = block.lines.clone();
            while !expected.is_empty() {
                let Some(line) = rest.next() else {
                    return Err(format!("step {}: never told: {expected:?}\n{}", block.step, all()));
                };
                let Some(at) = expected.iter().position(|e| *e == line) else {
                    return Err(format!(
                        "step {}: expected {expected:?}, told {line}\n{}",
                        block.step,
                        all()
                    ));
                };
                expected.remove(at);
            }
        }
        match rest.next() {
            Some(line) => Err(format!("after the document's last step: {line}\n{}", all())),
            // Servers that stand alone have no virtual servers, and those of Exchange 2000 move with what is online.
            None if speaks_of(": cluster ") && !speaks_of(" /pause") => stacking(told),
            None => Ok(()),
        }
    }

    pub(crate) fn check(&self, told: &[String]) {
        if let Err(why) = self.compare(told) {
            panic!("{why}");
        }
    }
}

/// `resources of EVS /offline`, and the same with `/online`: a line for each resource of a virtual server but for those
/// that stay online. Only the first one in a cluster has a message transfer agent.
fn resources(what: &str) -> Option<Vec<String>> {
    let (evs, verb) = what.strip_prefix("resources of ")?.split_once(' ')?;
    let transfer = (evs == "EVS1").then_some("Exchange Message Transfer Agent Instance");
    let others = [
        "Exchange HTTP Virtual Server Instance",
        "SMTP Virtual Server Instance",
        "Exchange MS Search Instance",
        "Exchange Routing Service",
        "Exchange Information Store Instance",
        "Exchange System Attendant Instance",
    ];
    Some(
        others.into_iter().chain(transfer).map(|name| format!("cluster res {name} ({evs}) {verb}")).collect(),
    )
}

/// A line without what the document says nothing about: quotes, waiting times, the installer's log.
fn bare(line: &str) -> String {
    let line = line.replace('"', "");
    let words = line.split(' ').filter(|w| !w.starts_with("/wait:") && !w.starts_with("/log:"));
    let mut words: Vec<&str> = words.collect();
    if let Some(at) = words.iter().position(|w| *w == "-t") {
        words.drain(at..(at + 2).min(words.len()));
    }
    words.join(" ")
}

/// Within the sets: nothing goes offline before what stands on it, and nothing online before what it stands on
/// (KB 821833 and the resource tree of Exchange 2003).
fn stacking(told: &[String]) -> Result<(), String> {
    for evs in ["(EVS1)", "(EVS2)", "(EVS3)"] {
        let own: Vec<&str> = told.iter().map(String::as_str).filter(|line| line.contains(evs)).collect();
        if evs == "(EVS1)" || !own.is_empty() {
            stacking_of(&own).map_err(|why| format!("{evs}: {why}\n{}", told.join("\n")))?;
        }
    }
    Ok(())
}

fn stacking_of(told: &[&str]) -> Result<(), String> {
    let at = |resource: &str, verb: &str| {
        told.iter().position(|l| l.contains(resource) && l.contains(verb)).ok_or(format!("{resource} {verb}"))
    };
    let attendant = "System Attendant";
    let transfer = told.iter().any(|line| line.contains("Message Transfer")).then_some("Message Transfer");
    for resource in ["Information Store", "Routing", "SMTP", "HTTP", "MS Search"].into_iter().chain(transfer)
    {
        if at(resource, "/offline")? > at(attendant, "/offline")?
            || at(resource, "/online")? < at(attendant, "/online")?
        {
            return Err(format!("{resource} stands on the System Attendant"));
        }
    }
    let (store, search) = ("Information Store", "MS Search");
    if at(search, "/offline")? > at(store, "/offline")? || at(search, "/online")? < at(store, "/online")? {
        return Err(format!("{search} stands on the {store}"));
    }
    Ok(())
}

#[test]
fn a_transcript_that_is_not_kept_is_found() {
    let text = "1 | NODE1 | cluster node NODE2 /stop\n2* | NODE1 | a\n2* | NODE1 | b\n";
    let script = Script::read(text);
    let lines = |l: &[&str]| l.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
    let wrong = |l: &[&str]| script.compare(&lines(l)).unwrap_err();
    let stop = "NODE1: cluster node \"NODE2\" /stop /wait:300";
    assert!(wrong(&[stop, "NODE1: b"]).contains("step 2*: never told: [\"NODE1: a\"]"));
    assert!(wrong(&["NODE1: a", stop, "NODE1: b"]).contains("step 1: expected"));
    assert!(wrong(&[stop, "NODE1: a", "NODE1: a"]).contains("step 2*: expected"));
    assert!(wrong(&[stop, "NODE1: b", "NODE1: a", stop]).contains("after the document's last step"));
    assert!(wrong(&[stop, "NODE2: b", "NODE1: a"]).contains("told NODE2: b"), "the right node, too");
    // What the tree of resources says is looked at where everything else is right.
    assert!(wrong(&[stop, "NODE1: b", "NODE1: a"]).contains("Information Store /offline"));
}
