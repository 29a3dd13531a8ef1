//! `[policy]`: what is allowed, and which rules a named person waived.

use toml::Spanned;
use toml::de::DeValue;

use super::read::{At, Fields, Sink};
use super::{Code, Mistake, hint, sections, words};
use crate::{Policy, Waiver};

pub(super) const POLICY: &[&str] = &[
    "environment",
    "restart",
    "home",
    "soak-seconds",
    "backup-age-max-hours",
    "step-timeout-seconds",
    "allow-fencing-disabled",
    "allow-unverified-commands",
    "allow-remove",
    "allow-downgrade",
    "allow-origins",
    "waivers",
    "unprobed-groups",
];
pub(super) const WAIVER: &[&str] = &["rule", "by", "reason"];

/// What is known of a rule: whether it is only recommended, and so can be waived. None: there is no such rule.
pub(super) type Rules<'a> = Option<&'a dyn Fn(&str) -> Option<bool>>;

/// Reads the policy; what isn't written is as usual.
pub(super) fn policy<'a>(value: &'a Spanned<DeValue<'a>>, rules: Rules<'_>, sink: &mut Sink) -> Policy {
    let usual = Policy::default();
    let Some(fields) = Fields::open(value, "policy", POLICY, sink) else { return usual };
    let lines = |key, sink: &mut Sink| fields.lines(key, sink).into_iter().map(|text| text.value).collect();
    Policy {
        environment: fields
            .word("environment", &words::ENVIRONMENTS, sink)
            .map_or(usual.environment, |word| word.value),
        restart: fields.word("restart", &words::RESTARTS, sink).map_or(usual.restart, |word| word.value),
        home: fields.word("home", &words::HOMES, sink).map(|word| word.value),
        soak_seconds: fields
            .integer("soak-seconds", Policy::SOAK_SECONDS, sink)
            .unwrap_or(usual.soak_seconds),
        backup_age_max_hours: fields
            .integer("backup-age-max-hours", Policy::BACKUP_AGE_MAX_HOURS, sink)
            .unwrap_or(usual.backup_age_max_hours),
        step_timeout_seconds: fields
            .integer("step-timeout-seconds", Policy::STEP_TIMEOUT_SECONDS, sink)
            .unwrap_or(usual.step_timeout_seconds),
        allow_fencing_disabled: fields
            .boolean("allow-fencing-disabled", sink)
            .unwrap_or(usual.allow_fencing_disabled),
        allow_unverified_commands: fields
            .boolean("allow-unverified-commands", sink)
            .unwrap_or(usual.allow_unverified_commands),
        allow_remove: lines("allow-remove", sink),
        allow_downgrade: lines("allow-downgrade", sink),
        allow_origins: lines("allow-origins", sink),
        waivers: fields
            .tables("waivers", "policy.waivers", sink)
            .into_iter()
            .filter_map(|value| waiver(value, rules, sink))
            .collect(),
        unprobed_groups: sections::ids(&fields, "unprobed-groups", sink)
            .into_iter()
            .map(|id| id.value)
            .collect(),
    }
}

fn waiver<'a>(value: &'a Spanned<DeValue<'a>>, rules: Rules<'_>, sink: &mut Sink) -> Option<Waiver> {
    let fields = Fields::open(value, "a waiver", WAIVER, sink)?;
    fields.need("rule", "\"E03-CLU-MOVE-EVS\"", sink);
    let rule = fields.line("rule", sink);
    if let (Some(rule), Some(rules)) = (&rule, rules) {
        judge(rule, rules(&rule.value), sink);
    }
    let name_help = "a rule is waived by a named person: by = \"…\"";
    let by = fields.said("by", Code::WaiverWithoutName, name_help, sink);
    let reason_help = "say why, for whoever reads the report: reason = \"…\"";
    let reason = fields.said("reason", Code::WaiverWithoutReason, reason_help, sink);
    Some(Waiver { rule: rule?.value, by: by?, reason: reason? })
}

fn judge(rule: &At<String>, recommended: Option<bool>, sink: &mut Sink) {
    let id = hint::quoted(&rule.value);
    let mistake = match recommended {
        Some(true) => return,
        Some(false) => Mistake::new(
            Code::WaiverOfRequiredRule,
            format!("rule {id} is required and can't be waived"),
            "only rules of force recommended can be: `kaketsugi rules` lists them",
        )
        .at(&rule.span, "required"),
        None => Mistake::new(
            Code::WaiverOfUnknownRule,
            format!("there is no rule {id}"),
            "`kaketsugi rules` lists all rules",
        )
        .at(&rule.span, "not in the register"),
    };
    sink.say(mistake);
}
