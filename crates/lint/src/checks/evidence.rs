//! What people bring along: backups, notes, tests, protection. The register says how strongly it is asked.

use kaketsugi_estate::{Environment, EvidenceKind, Product};
use kaketsugi_knowledge::Force;
use kaketsugi_plan::render::words;
use kaketsugi_plan::{Action, Condition};

use crate::objection::{Check, Cite, Found, for_55, for_2000};
use crate::walk::{Moment, Walk};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "evidence-backup",
        asks: "Every install that asks for it looks for a full backup right before.",
        hint: "require evidence of a full backup in each install of the release",
        rule: Cite::exchange("E03-BACKUP"),
        find: |walk| at_installs(walk, "E03-BACKUP", EvidenceKind::FullBackup),
    },
    Check {
        code: "evidence-backup-age",
        asks: "The backup may be no older than policy says.",
        hint: "ask for an age of at most backup-age-max-hours",
        rule: Cite::exchange("E03-BACKUP"),
        find: backup_age,
    },
    Check {
        code: "evidence-protection",
        asks: "Every install that asks for it looks whether antivirus and the like are ended.",
        hint: "require that evidence in each install of the release",
        rule: Cite::exchange("ALL-AV-OFF"),
        find: |walk| at_installs(walk, "ALL-AV-OFF", EvidenceKind::ProtectionOff),
    },
    Check {
        code: "evidence-notes",
        asks: "The release notes have been read before the first install.",
        hint: "let a person attest it, or require the evidence",
        rule: Cite::exchange("E03-RELEASE-NOTES"),
        find: |walk| before_first(walk, "E03-RELEASE-NOTES", EvidenceKind::ReleaseNotesRead),
    },
    Check {
        code: "evidence-tried",
        asks: "In production the release was tried in a test environment before the first install.",
        hint: "let a person attest it, or require the evidence; in a test estate say `environment = \"test\"`",
        rule: Cite::exchange("ALL-TEST-FIRST"),
        find: tried,
    },
    Check {
        code: "evidence-backup-after",
        asks: "After a service pack there is a full backup.",
        hint: "let a person attest a full backup after the last node and virtual server",
        rule: Cite::exchange("E03-BACKUP-AFTER"),
        find: backup_after,
    },
    Check {
        code: "evidence-connector",
        asks: "Where the Active Directory Connector is installed, its own set-up comes before that of the service pack.",
        hint: "let a person attest that it is upgraded, and require that evidence in each install of the release",
        rule: Cite::exchange("E03-ADC"),
        find: |walk| connector(walk, "E03-ADC", EvidenceKind::ConnectorUpgraded),
    },
    Check {
        code: "evidence-connector-maps",
        asks: "Before the Active Directory Connector is upgraded, its schema maps are saved.",
        hint: "let a person attest that they are saved, and require that evidence of the upgrade",
        rule: Cite::exchange("E03-ADC-MAPS"),
        find: |walk| connector(walk, "E03-ADC-MAPS", EvidenceKind::ConnectorMapsSaved),
    },
    Check {
        code: "evidence-extras",
        asks: "After a service pack of Exchange 5.5 somebody sees to the components that it leaves alone.",
        hint: "let a person attest that they are updated, or not installed, after the last server",
        rule: Cite::NONE.and_55("E55-EXTRAS"),
        find: extras,
    },
    Check {
        code: "evidence-never-comes",
        asks: "Evidence that a step asks for is there, or is attested before it.",
        hint: "let a person attest it before the step that needs it",
        rule: Cite::NONE,
        find: never_comes,
    },
];

/// Whether the register requires a rule of this plan. What it only recommends for a release (a hotfix that leaves the
/// store alone) is left to the administrator.
fn required(walk: &Walk<'_>, rule: &'static str) -> bool {
    let rule = match walk.plan.payload.product {
        Product::Exchange2003 => Some(rule),
        Product::Exchange2000 => for_2000(rule),
        Product::Exchange55 => for_55(rule),
        Product::Debian => None,
    };
    rule.is_some_and(|rule| walk.force(rule) == Some(Force::Required))
}

fn asks_for(condition: &Condition, wanted: EvidenceKind) -> bool {
    matches!(condition, Condition::Evidence { kind, .. } if *kind == wanted)
}

fn at_installs(walk: &Walk<'_>, rule: &'static str, kind: EvidenceKind) -> Vec<Found> {
    walk.installs()
        .filter(|_| required(walk, rule))
        .filter(|(m, _)| !m.step.requires.iter().any(|c| asks_for(c, kind)))
        .map(|(m, _)| Found::at(m.step, format!("it doesn't ask for evidence of: {}", words::evidence(kind))))
        .collect()
}

fn backup_age(walk: &Walk<'_>) -> Vec<Found> {
    let max = u64::from(walk.plan.estate.policy.backup_age_max_hours) * 3600;
    let mut found = Vec::new();
    for step in &walk.plan.steps {
        for condition in &step.requires {
            let Condition::Evidence { kind: EvidenceKind::FullBackup, age_max_seconds } = condition else {
                continue;
            };
            if age_max_seconds.is_none_or(|age| age > max) {
                let age = age_max_seconds.map_or("any age".to_owned(), |age| format!("{} h", age / 3600));
                found.push(Found::at(
                    step,
                    format!("a backup of {age} would do; policy allows {} h", max / 3600),
                ));
            }
        }
    }
    found
}

fn before_first(walk: &Walk<'_>, rule: &'static str, kind: EvidenceKind) -> Vec<Found> {
    let Some((first, _)) = walk.installs().next().filter(|_| required(walk, rule)) else { return Vec::new() };
    let attested = walk.moments().any(|m| {
        m.index < first.index && matches!(m.step.action, Action::Attest { evidence } if evidence == kind)
    });
    let asked =
        walk.moments().any(|m| m.index <= first.index && m.step.requires.iter().any(|c| asks_for(c, kind)));
    if attested || asked {
        return Vec::new();
    }
    vec![Found::at(first.step, format!("nobody asks for evidence of: {}, before it", words::evidence(kind)))]
}

fn tried(walk: &Walk<'_>) -> Vec<Found> {
    if walk.plan.estate.policy.environment == Environment::Test {
        return Vec::new();
    }
    before_first(walk, "ALL-TEST-FIRST", EvidenceKind::TriedInTest)
}

fn backup_after(walk: &Walk<'_>) -> Vec<Found> {
    if !required(walk, "E03-BACKUP-AFTER") {
        return Vec::new();
    }
    let last = unattested(walk, EvidenceKind::BackupAfter);
    last.map(|last| Found::plan(format!("nobody makes a full backup after {}", last.step.id)))
        .into_iter()
        .collect()
}

/// Where a server has the connector, or may have it: each install asks for the evidence, a person is asked about its upgrade
/// in this plan (an earlier word was about an earlier release), and that asks for what comes before it.
fn connector(walk: &Walk<'_>, rule: &'static str, kind: EvidenceKind) -> Vec<Found> {
    let mut servers = walk.plan.snapshot.servers.values();
    if walk.plan.payload.product == Product::Exchange55 || !servers.any(|seen| seen.connector != Some(false))
    {
        return Vec::new();
    }
    let mut found = at_installs(walk, rule, kind);
    if let Some((first, _)) = walk.installs().next().filter(|_| required(walk, rule)) {
        let attested = walk.moments().any(|m| {
            m.index < first.index && matches!(m.step.action, Action::Attest { evidence } if evidence == kind)
        });
        if kind == EvidenceKind::ConnectorUpgraded && !attested {
            found.push(Found::at(first.step, "nobody is asked for it before that"));
        }
    }
    let upgrade = |a: &Action| matches!(a, Action::Attest { evidence: EvidenceKind::ConnectorUpgraded });
    let blind = |m: &Moment<'_, '_>| {
        kind == EvidenceKind::ConnectorMapsSaved
            && upgrade(&m.step.action)
            && !m.step.requires.iter().any(|c| asks_for(c, kind))
    };
    let late = walk.moments().filter(blind);
    found.extend(late.map(|m| Found::at(m.step, "it doesn't ask whether they are saved")));
    found
}

fn extras(walk: &Walk<'_>) -> Vec<Found> {
    if walk.force("E55-EXTRAS").is_none() {
        return Vec::new();
    }
    let last = unattested(walk, EvidenceKind::ExtrasUpdated);
    last.map(|last| Found::plan(format!("nobody is asked for them after {}", last.step.id)))
        .into_iter()
        .collect()
}

/// The last change of versions, where nobody is asked for this evidence after it.
fn unattested<'w, 'p>(walk: &'w Walk<'p>, wanted: EvidenceKind) -> Option<Moment<'w, 'p>> {
    let last =
        walk.last(|m| matches!(m.step.action, Action::Install { .. } | Action::UpgradeGroup { .. }))?;
    let asked = walk.moments().any(|m| {
        m.index > last.index && matches!(m.step.action, Action::Attest { evidence } if evidence == wanted)
    });
    (!asked).then_some(last)
}

fn never_comes(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        for condition in &m.step.requires {
            let Condition::Evidence { kind, .. } = condition else { continue };
            let there = walk.plan.snapshot.evidence.iter().any(|e| e.kind == *kind);
            let attested = walk.moments().any(|a| {
                a.index < m.index && matches!(a.step.action, Action::Attest { evidence } if evidence == *kind)
            });
            if !there && !attested {
                found.push(Found::at(
                    m.step,
                    format!(
                        "there is no evidence of: {}, and nobody is asked for it",
                        words::evidence(*kind)
                    ),
                ));
            }
        }
    }
    found
}
