//! Arguments, read by the table: what has no row is rejected, in the words of the program that would reject it.

use std::collections::BTreeMap;

use super::Known;
use crate::shell::words;
use crate::spec::{Balancer, Program};
use crate::table::{Behaviour, Class, Table, Value};

/// A command with its arguments.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) known: Known,
    pub(crate) command: String,
    pub(crate) context: String,
    pub(crate) positional: Vec<String>,
    /// Switches by name, in lower case, with their values.
    pub(crate) switches: BTreeMap<String, Option<String>>,
    /// What it changes, the gravest of its rows.
    pub(crate) class: Option<Class>,
    /// Everything behind the command's name, as it was written.
    pub(crate) raw: String,
}

/// Why arguments were rejected, and with what.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) code: u32,
    pub(crate) text: String,
}

impl Args {
    pub(crate) fn read(table: &Table, known: &Known, text: &str) -> Result<Self, Rejection> {
        let command = match known {
            Known::Word(name) => name.clone(),
            Known::Installer(Program::Hotfix(_)) => "hotfix".into(),
            Known::Installer(Program::ServicePack(_)) => "service-pack".into(),
            Known::Installer(Program::Balancer(Balancer::State)) => "balancer-state".into(),
            Known::Installer(Program::Balancer(_)) => "balancer".into(),
            Known::Batch(_) => String::new(),
        };
        let mut given = words(text).into_iter();
        let first = given.next().unwrap_or_default();
        let mut args = Self {
            known: known.clone(),
            raw: raw(text, &first),
            context: String::new(),
            positional: Vec::new(),
            switches: BTreeMap::new(),
            class: None,
            command,
        };
        if matches!(known, Known::Batch(_)) || TAKES_ALL.contains(&args.command.as_str()) {
            args.positional = given.collect();
            // `cmd` has no form without switches here; it reads those itself.
            if !matches!(known, Known::Batch(_)) && args.command != "cmd" {
                args.admit(table.form(&args.command, ""), &first)?;
            }
            if args.command == "cscript" {
                let verb = super::script::verb(&args.positional).cloned().unwrap_or_default();
                args.context = verb.to_lowercase();
                args.admit(table.form("cscript", &args.context), &verb)?;
            }
            return Ok(args);
        }
        let has_forms = table.rows().any(|r| r.command == args.command && !r.context.is_empty());
        let mut given = given.peekable();
        let mut in_form = !has_forms;
        if !has_forms {
            args.admit(table.form(&args.command, ""), &first)?;
        }
        while let Some(word) = given.next() {
            if !in_form && !word.starts_with("/cluster:") {
                in_form = true;
                args.context = word.to_lowercase();
                let form = table.form(&args.command, &args.context);
                args.admit(form, &word)?;
                continue;
            }
            if !args.is_switch(&word) {
                args.positional.push(word);
                continue;
            }
            let (name, value) = match word.split_once(':') {
                Some((name, value)) => (name.to_lowercase(), Some(value.to_owned())),
                None => (word.to_lowercase(), None),
            };
            let name = name.replacen('-', "/", 1);
            let row = table.switch(&args.command, &args.context, &name);
            let wants = row.map(|r| r.value);
            args.admit(row, &word)?;
            let value = match (wants, value) {
                (Some(Value::None) | None, None) => None,
                (Some(Value::Colon | Value::MaybeColon), Some(value)) => Some(value),
                (Some(Value::MaybeColon), None) => None,
                (Some(Value::Next), None) => Some(given.next().ok_or_else(|| args.reject(&word))?),
                _ => return Err(args.reject(&word)),
            };
            args.switches.insert(name, value);
        }
        if !in_form {
            return Err(args.reject(""));
        }
        Ok(args)
    }

    pub(crate) fn has(&self, switch: &str) -> bool {
        self.switches.contains_key(switch)
    }

    pub(crate) fn value(&self, switch: &str) -> Option<&str> {
        self.switches.get(switch)?.as_deref()
    }

    fn is_switch(&self, word: &str) -> bool {
        word.starts_with('/') || (self.command == "shutdown" && word.starts_with('-'))
    }

    fn admit(&mut self, row: Option<&Behaviour>, word: &str) -> Result<(), Rejection> {
        match row {
            Some(row) => {
                self.class = self.class.max(row.class);
                Ok(())
            }
            None => Err(self.reject(word)),
        }
    }

    /// What the program says of something that it doesn't know.
    pub(crate) fn reject(&self, word: &str) -> Rejection {
        let (code, text) = match self.command.as_str() {
            "cluster" => (87, format!("Invalid command line parameter: '{word}'.\r\n")),
            "net" => (1, "The syntax of this command is:\r\n\r\nNET [ STOP | START ]\r\n".to_owned()),
            "sc" => (1639, format!("*** Unrecognized Command: {word}\r\n")),
            "reg" => (1, "Error:  Invalid command-line parameters\r\n".to_owned()),
            "wmic" => (44_125, format!("{word} - Alias not found.\r\n")),
            "cscript" => (87, format!("not known, or not with so many words: {word}\r\n")),
            "find" => (2, "FIND: Parameter format not correct\r\n".to_owned()),
            "mkdir" | "rmdir" | "copy" | "del" | "dir" => {
                (1, format!("Invalid switch - \"{}\".\r\n", word.trim_start_matches('/')))
            }
            "hotfix" | "service-pack" => (87, format!("Setup does not know the option {word}.\r\n")),
            _ => (1, format!("ERROR: Invalid argument/option - '{word}'.\r\n")),
        };
        Rejection { code, text }
    }
}

/// Words of the interpreter that read their arguments themselves.
const TAKES_ALL: &[&str] =
    &["cmd", "echo", "rem", "set", "goto", "call", "exit", "type", "chcp", "cscript", "sha256sum"];

/// What stands behind the command's name.
fn raw(text: &str, first: &str) -> String {
    let text = text.trim_start();
    let quoted = text.starts_with('"');
    let length = first.len() + if quoted { 2 } else { 0 };
    text.get(length..).unwrap_or("").to_owned()
}
