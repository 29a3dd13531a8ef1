//! A node's registry. All of it is durable but for volatile keys, which a restart removes.

use std::collections::{BTreeMap, BTreeSet};

/// A value with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    Dword(u32),
    Text(String),
    Many(Vec<String>),
}

impl Data {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Dword(_) => "REG_DWORD",
            Self::Text(_) => "REG_SZ",
            Self::Many(_) => "REG_MULTI_SZ",
        }
    }

    /// As `reg query` writes it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Dword(number) => format!("0x{number:x}"),
            Self::Text(text) => text.clone(),
            Self::Many(lines) => lines.iter().map(|l| format!("{l}\\0")).collect::<String>() + "\\0",
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Key {
    shown: String,
    values: BTreeMap<String, (String, Data)>,
}

/// Keys below HKEY_LOCAL_MACHINE, by path without it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry {
    keys: BTreeMap<String, Key>,
    volatile: BTreeSet<String>,
}

impl Registry {
    /// The path below HKEY_LOCAL_MACHINE. None: another hive, of which nothing is known here.
    pub(crate) fn path(text: &str) -> Option<String> {
        let text = text.trim_end_matches('\\');
        let (hive, rest) = text.split_once('\\')?;
        matches!(hive.to_ascii_uppercase().as_str(), "HKLM" | "HKEY_LOCAL_MACHINE").then(|| rest.to_owned())
    }

    fn id(path: &str) -> String {
        path.to_lowercase()
    }

    pub(crate) fn make(&mut self, path: &str) {
        let mut at = String::new();
        for part in path.split('\\') {
            if !at.is_empty() {
                at.push('\\');
            }
            at.push_str(part);
            let shown = at.clone();
            self.keys.entry(Self::id(&at)).or_insert_with(|| Key { shown, values: BTreeMap::new() });
        }
    }

    pub(crate) fn set(&mut self, path: &str, name: &str, data: Data) {
        self.make(path);
        if let Some(key) = self.keys.get_mut(&Self::id(path)) {
            key.values.insert(name.to_lowercase(), (name.to_owned(), data));
        }
    }

    /// Sets a value in a key that doesn't outlive a restart.
    pub(crate) fn set_volatile(&mut self, path: &str, name: &str, data: Data) {
        self.set(path, name, data);
        self.volatile.insert(Self::id(path));
    }

    pub(crate) fn get(&self, path: &str, name: &str) -> Option<&Data> {
        self.keys.get(&Self::id(path))?.values.get(&name.to_lowercase()).map(|(_, data)| data)
    }

    /// The path as it was written when the key was made, and its values in the order of their names.
    pub(crate) fn key(&self, path: &str) -> Option<(&str, impl Iterator<Item = (&str, &Data)>)> {
        let key = self.keys.get(&Self::id(path))?;
        Some((&key.shown, key.values.values().map(|(name, data)| (name.as_str(), data))))
    }

    /// Keys directly below one.
    pub(crate) fn below(&self, path: &str) -> Vec<&str> {
        let prefix = format!("{}\\", Self::id(path));
        self.keys
            .iter()
            .filter(|(id, _)| id.strip_prefix(&prefix).is_some_and(|rest| !rest.contains('\\')))
            .map(|(_, key)| key.shown.as_str())
            .collect()
    }

    pub(crate) fn remove_key(&mut self, path: &str) -> bool {
        let id = Self::id(path);
        let below = format!("{id}\\");
        let before = self.keys.len();
        self.keys.retain(|k, _| *k != id && !k.starts_with(&below));
        before != self.keys.len()
    }

    pub(crate) fn remove_value(&mut self, path: &str, name: &str) -> bool {
        self.keys
            .get_mut(&Self::id(path))
            .is_some_and(|key| key.values.remove(&name.to_lowercase()).is_some())
    }

    /// What a restart does to it.
    pub(crate) fn boot(&mut self) {
        for id in std::mem::take(&mut self.volatile) {
            self.keys.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_ups_do_not_heed_case_and_volatile_keys_do_not_outlive_a_restart() {
        let mut registry = Registry::default();
        registry.set("SOFTWARE\\X", "Build", Data::Dword(7638));
        registry.set_volatile("SOFTWARE\\X\\Volatile", "Flags", Data::Dword(1));
        assert_eq!(registry.get("software\\x", "BUILD"), Some(&Data::Dword(7638)));
        assert_eq!(registry.below("SOFTWARE\\X"), ["SOFTWARE\\X\\Volatile"]);
        registry.boot();
        assert_eq!(registry.get("SOFTWARE\\X\\Volatile", "Flags"), None);
        assert_eq!(registry.get("SOFTWARE\\X", "Build"), Some(&Data::Dword(7638)));
    }

    #[test]
    fn only_the_local_machine_is_known() {
        assert_eq!(Registry::path("HKLM\\SOFTWARE\\X\\").as_deref(), Some("SOFTWARE\\X"));
        assert_eq!(Registry::path("HKEY_LOCAL_MACHINE\\A").as_deref(), Some("A"));
        assert_eq!(Registry::path("HKCU\\A"), None);
    }
}
