//! A walk through the plan, with the books before and after each step.

use std::collections::BTreeSet;

use kaketsugi_estate::{ClusterId, ClusterKind, ClusterSeen, ReleaseId, ReleaseState, ServerId};
use kaketsugi_knowledge::{Force, Profile, Release, profiles, releases, rules};
use kaketsugi_plan::{Action, Condition, Content, Payload, Plan, Step};

use crate::ledger::{Group, Key, Ledger, is_product_group};

/// The plan's steps in their order, every `when` answered alike.
pub(crate) struct Walk<'p> {
    pub(crate) plan: &'p Plan,
    /// One more than steps: the first is the snapshot.
    ledgers: Vec<Ledger<'p>>,
    skipped: Vec<bool>,
    /// What every `when` is answered with.
    pub(crate) answer: bool,
    /// What the catalogue says of the release, where it is listed.
    pub(crate) release: Option<std::borrow::Cow<'static, Release>>,
}

/// A step that is carried out, with the books around it.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'w, 'p> {
    pub(crate) index: usize,
    pub(crate) step: &'p Step,
    pub(crate) before: &'w Ledger<'p>,
    pub(crate) after: &'w Ledger<'p>,
}

impl<'p> Walk<'p> {
    /// Walks; `answer` is what every `when` is answered with.
    pub(crate) fn of(plan: &'p Plan, answer: bool) -> Self {
        let mut ledgers = vec![Ledger::open(plan)];
        let mut now = Ledger::open(plan);
        let skipped: Vec<bool> = plan.steps.iter().map(|s| s.when.is_some() && !answer).collect();
        for (step, skipped) in plan.steps.iter().zip(&skipped) {
            if !skipped {
                now = now.after(step);
            }
            ledgers.push(now.clone());
        }
        Self { plan, ledgers, skipped, answer, release: releases().resolve(plan.payload.id.as_str()) }
    }

    /// The steps that are carried out.
    pub(crate) fn moments(&self) -> impl DoubleEndedIterator<Item = Moment<'_, 'p>> {
        self.plan.steps.iter().enumerate().filter(|(index, _)| !self.skipped[*index]).map(|(index, step)| {
            Moment { index, step, before: &self.ledgers[index], after: &self.ledgers[index + 1] }
        })
    }

    /// The books before and after a step, carried out or not.
    pub(crate) fn around(&self, index: usize) -> [&Ledger<'p>; 2] {
        [&self.ledgers[index], &self.ledgers[index + 1]]
    }

    /// The first step that is carried out and that this is true of.
    pub(crate) fn first(&self, wanted: impl Fn(&Moment<'_, 'p>) -> bool) -> Option<Moment<'_, 'p>> {
        self.moments().find(wanted)
    }

    /// The last step that is carried out and that this is true of.
    pub(crate) fn last(&self, wanted: impl Fn(&Moment<'_, 'p>) -> bool) -> Option<Moment<'_, 'p>> {
        self.moments().rfind(wanted)
    }

    /// The books after the last step.
    pub(crate) fn end(&self) -> &Ledger<'p> {
        // There is always the opening one.
        &self.ledgers[self.ledgers.len() - 1]
    }

    /// The books of the snapshot.
    pub(crate) fn start(&self) -> &Ledger<'p> {
        &self.ledgers[0]
    }

    /// The installs of the plan's own release, prerequisites left out.
    pub(crate) fn installs(&self) -> impl DoubleEndedIterator<Item = (Moment<'_, 'p>, &'p ServerId)> {
        self.moments().filter_map(|m| match &m.step.action {
            Action::Install { node, release } if *release == self.plan.payload.id => Some((m, node)),
            _ => None,
        })
    }

    /// The installs of anything.
    pub(crate) fn all_installs(&self) -> impl Iterator<Item = (Moment<'_, 'p>, &'p ServerId, &'p ReleaseId)> {
        self.moments().filter_map(|m| match &m.step.action {
            Action::Install { node, release } => Some((m, node, release)),
            _ => None,
        })
    }

    /// The cluster a step happens in.
    pub(crate) fn cluster_of(&self, step: &'p Step) -> Option<&'p ClusterId> {
        step.action.cluster().or_else(|| self.start().cluster_of(step.action.node()?))
    }

    /// A cluster as it was seen.
    pub(crate) fn seen(&self, cluster: &ClusterId) -> Option<&'p ClusterSeen> {
        self.plan.snapshot.clusters.get(cluster)
    }

    /// The groups that are the product's own: Exchange virtual servers.
    pub(crate) fn product_groups(&self) -> impl Iterator<Item = (Key<'p>, &Group<'p>)> {
        self.start().groups.iter().filter(|(_, g)| is_product_group(self.plan, g)).map(|(key, g)| (*key, g))
    }

    /// Those that a Windows cluster carries. What a server carries that stands alone is no virtual server.
    pub(crate) fn virtual_servers(&self) -> impl Iterator<Item = (Key<'p>, &Group<'p>)> {
        let windows = |cluster| self.seen(cluster).is_some_and(|seen| seen.kind == ClusterKind::Windows);
        self.product_groups().filter(move |(key, _)| windows(key.0))
    }

    /// What is known of the product on a kind of cluster.
    pub(crate) fn profile(&self, kind: ClusterKind) -> Option<&'static Profile> {
        profiles().get(self.plan.payload.product.as_str(), kind)
    }

    /// How strongly the register asks a rule of this plan. None: not at all, or waived.
    pub(crate) fn force(&self, id: &str) -> Option<Force> {
        let rule = rules().get(id)?;
        let force = match &self.release {
            Some(release) => rule.force_for(release)?,
            None if rule.holds_for(self.plan.payload.product.as_str()) => rule.force,
            None => return None,
        };
        let waived = self.plan.estate.policy.waivers.iter().any(|w| w.rule == id);
        (force == Force::Required || !waived).then_some(force)
    }

    /// The servers that the release is for, and that have something to install.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &'p ServerId> {
        let payload = &self.plan.payload;
        self.plan
            .estate
            .servers
            .iter()
            .filter(|(_, server)| server.product == payload.product)
            .map(|(id, _)| id)
            .filter(|id| has_work(payload, id))
    }

    /// How far a release was on a server when the plan was made.
    pub(crate) fn found(&self, node: &ServerId, release: &ReleaseId) -> Option<ReleaseState> {
        self.plan.snapshot.servers.get(node)?.releases.get(release).copied()
    }

    /// Steps from which there is a way through `after` to this one.
    pub(crate) fn ancestors(&self) -> Vec<BTreeSet<usize>> {
        let mut all: Vec<BTreeSet<usize>> = Vec::with_capacity(self.plan.steps.len());
        for step in &self.plan.steps {
            let mut mine = BTreeSet::new();
            for (earlier, its) in all.iter().enumerate() {
                if step.after.contains(&self.plan.steps[earlier].id) {
                    mine.insert(earlier);
                    mine.extend(its);
                }
            }
            all.push(mine);
        }
        all
    }
}

impl<'p> Moment<'_, 'p> {
    /// The serving groups whose users this step cuts off, by what it does and not by what it declares. Where it is
    /// the cluster's choice which node has a group, `certainly` leaves out those that may be elsewhere.
    pub(crate) fn disrupts(&self, certainly: bool) -> BTreeSet<Key<'p>> {
        let moved = match &self.step.action {
            Action::Move { cluster, group, .. } | Action::TakeOffline { cluster, group } => {
                Some((cluster, group))
            }
            _ => None,
        };
        let left = match &self.step.action {
            Action::Drain { node, .. } | Action::StopService { node, .. } | Action::Restart { node } => {
                Some(node)
            }
            Action::Install { node, .. } | Action::Optimize { node } if self.is_down_amid(node) => Some(node),
            _ => None,
        };
        let on = |g: &Group<'p>, node| if certainly { g.owner() == Some(node) } else { g.at.contains(node) };
        self.before
            .groups
            .iter()
            .filter(|(key, g)| g.serves_users() && self.before.served(**key))
            .filter(|(key, g)| {
                if let Some(pool) = self.before.pool_of(**key) {
                    let mut amid = self.before.answering(pool);
                    amid.retain(|server| !self.is_down_amid(server));
                    return amid.is_empty() || !self.after.served(**key);
                }
                let after = &self.after.groups[*key];
                Some(**key) == moved
                    || left.is_some_and(|node| on(g, node))
                    || !after.serving
                    || g.at.is_disjoint(&after.at)
                    || !certainly && g.at != after.at
            })
            .map(|(key, _)| *key)
            .collect()
    }

    /// Whether set-up of the plan's release works on a cluster's node where its groups are (E55-CLU-ACTIVE-FIRST).
    pub(crate) fn works_in_place(&self, server: &ServerId) -> bool {
        let payload = &self.before.plan.payload;
        let installs = matches!(&self.step.action,
            Action::Install { node, release } if node == server && *release == payload.id);
        let carries = || self.before.groups_on(server).any(|(_, g)| is_product_group(self.before.plan, g));
        installs && payload.in_place && self.before.cluster_of(server).is_some() && carries()
    }

    /// Whether what a server carries serves nobody while the step is at work: it stands alone and restarts, or a program
    /// works on it in place.
    fn is_down_amid(&self, server: &ServerId) -> bool {
        match &self.step.action {
            Action::Optimize { node } => node == server,
            Action::Restart { node } => node == server,
            Action::Install { node, .. } if self.works_in_place(node) => node == server,
            Action::Install { node, release } if self.before.cluster_of(node).is_none() => {
                let payload = self.before.plan.payload.find(release);
                node == server && payload.is_none_or(|p| !p.of_system)
            }
            _ => false,
        }
    }

    /// Conditions that the step looks at, before or after.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &'p Condition> {
        self.step.requires.iter().chain(&self.step.expects)
    }
}

/// Whether something of the release is to be installed on a server.
pub(crate) fn has_work(payload: &Payload, node: &ServerId) -> bool {
    match payload.content {
        Content::Packages(_) => !payload.packages(node).is_empty(),
        Content::Media(_) => true,
    }
}

/// Whether a release has files that are staged. Without any, the person who installs it brings them.
pub(crate) fn has_files(payload: &Payload) -> bool {
    !matches!(&payload.content, Content::Media(media) if media.is_empty())
}

/// Names of servers or groups in a sentence.
pub(crate) fn names<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|i| i.to_string()).collect::<Vec<_>>().join(", ")
}
