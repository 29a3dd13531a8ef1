//! Parsing of embedded data files.

use serde::de::DeserializeOwned;

/// Parses an embedded TOML file.
///
/// # Panics
/// When the file is malformed. The files are part of the program and a unit test of each module parses its own, so a
/// program that passed its tests can't get here.
pub(crate) fn parse<T: DeserializeOwned>(name: &str, text: &str) -> T {
    match toml::from_str(text) {
        Ok(value) => value,
        Err(error) => panic!("embedded file {name}: {error}"),
    }
}
