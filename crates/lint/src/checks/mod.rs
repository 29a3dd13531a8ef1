//! What is asked of a plan, by topic. Each check is a function over the walk, with a code and a rule of its own.

pub(crate) mod back;
pub(crate) mod declared;
pub(crate) mod evidence;
pub(crate) mod exchange;
pub(crate) mod exposure;
pub(crate) mod form;
pub(crate) mod fresh;
pub(crate) mod goal;
pub(crate) mod install;
pub(crate) mod outage;
pub(crate) mod payload;
pub(crate) mod proof;
pub(crate) mod restart;
pub(crate) mod upgrade;

use crate::objection::Check;

/// All checks, by topic.
pub(crate) const ALL: &[&[Check]] = &[
    form::CHECKS,
    proof::CHECKS,
    fresh::CHECKS,
    payload::CHECKS,
    install::CHECKS,
    outage::CHECKS,
    back::CHECKS,
    restart::CHECKS,
    exchange::CHECKS,
    upgrade::CHECKS,
    evidence::CHECKS,
    declared::CHECKS,
    exposure::CHECKS,
    goal::CHECKS,
];
