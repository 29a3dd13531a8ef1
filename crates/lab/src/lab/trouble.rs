//! The trouble that a lab can make, and its witnesses: what users saw, and whether the store was ever mounted twice.

use super::Lab;
use crate::config::GroupKind;
use crate::control::{self, Order};
use crate::error::{LabError, Result};
use crate::mail::MailClient;
use crate::network::Cut;

impl Lab {
    /// Cuts a node's power at once. It stays off until [`Lab::power_on`], or until the cluster fences it: the fence
    /// agent's restart brings it back, as with a power switch.
    ///
    /// # Errors
    /// No such node; processes that can't be ended.
    pub fn power_off(&self, node: &str) -> Result<()> {
        self.order(Order::PowerOff { node: node.to_owned() })
    }

    /// Cuts a node's power for good: fencing finds it off and does not bring it back; only [`Lab::power_on`] does.
    ///
    /// # Errors
    /// As [`Lab::power_off`].
    pub fn unplug(&self, node: &str) -> Result<()> {
        self.order(Order::Unplug { node: node.to_owned() })
    }

    /// Gives a node power; it boots if it was off.
    ///
    /// # Errors
    /// No such node.
    pub fn power_on(&self, node: &str) -> Result<()> {
        self.order(Order::PowerOn { node: node.to_owned() })
    }

    /// Stops every process of a node, as a machine that hangs. The cluster will fence it.
    ///
    /// # Errors
    /// No such node.
    pub fn freeze(&self, node: &str) -> Result<()> {
        self.order(Order::Freeze { node: node.to_owned(), frozen: true })
    }

    /// Lets a frozen node go on.
    ///
    /// # Errors
    /// No such node.
    pub fn thaw(&self, node: &str) -> Result<()> {
        self.order(Order::Freeze { node: node.to_owned(), frozen: false })
    }

    /// Cuts a node's network until [`Lab::restore_network`].
    ///
    /// # Errors
    /// No such node.
    pub fn cut_network(&self, node: &str, cut: Cut) -> Result<()> {
        self.order(Order::Cut { node: node.to_owned(), cut: Some(cut) })
    }

    /// Mends a node's network.
    ///
    /// # Errors
    /// No such node.
    pub fn restore_network(&self, node: &str) -> Result<()> {
        self.order(Order::Cut { node: node.to_owned(), cut: None })
    }

    /// A mail client at the mail group's virtual address, at work from now on.
    ///
    /// # Errors
    /// This lab has no mail group.
    pub fn mail_client(&self) -> Result<MailClient> {
        let mail = self.facts.config.groups.iter().find(|g| g.kind == GroupKind::Mail);
        let mail = mail.ok_or_else(|| LabError::Config { why: "this lab has no mail group".into() })?;
        MailClient::start(&self.facts, mail.address)
    }

    /// Every time the shared store was seen mounted twice, by the watch from outside or by the sentinel in the group.
    /// Empty is what a test wants.
    ///
    /// # Errors
    /// The supervisor is gone, or the sentinel's report can't be read though a mail group is there.
    pub fn double_mounts(&self) -> Result<Vec<String>> {
        let outside = self.status()?.double_mounts.into_iter();
        let mut all: Vec<String> =
            outside.map(|(ms, nodes)| format!("{ms} seen mounted on {}", nodes.join("+"))).collect();
        if self.facts.config.groups.iter().any(|g| g.kind == GroupKind::Mail) {
            all.extend(self.sentinel_report()?.into_iter().filter(|line| line.ends_with(" double")));
        }
        Ok(all)
    }

    /// The sentinel's lines: `MILLISECONDS NODE held|released|double`.
    ///
    /// # Errors
    /// The mail group never ran.
    pub fn sentinel_report(&self) -> Result<Vec<String>> {
        let path = self.facts.shared().join("mail/.sentinel.log");
        let text = std::fs::read_to_string(&path).map_err(LabError::io("read", &path))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn order(&self, order: Order) -> Result<()> {
        control::send(&self.facts.control, &order).map(|_| ())
    }
}
