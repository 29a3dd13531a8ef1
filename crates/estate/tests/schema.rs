//! The published JSON schema: up to date, of one mind with the reader, and kept by the examples.

use std::path::{Path, PathBuf};

use kaketsugi_estate::file::{parse, schema};
use serde_json::Value;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn examples() -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(repository().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 2);
    files
        .into_iter()
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(&schema()).unwrap()).unwrap()
}

#[test]
fn the_published_schema_is_up_to_date() {
    let path = repository().join("docs/schema/estate.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, schema()).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == schema(),
        "docs/schema/estate.schema.json differs from the types; write it anew with\n\
         UPDATE_SCHEMA=1 cargo nextest run -p kaketsugi-estate the_published_schema_is_up_to_date"
    );
}

#[test]
fn the_examples_are_sound_by_reader_and_schema_and_name_the_schema() {
    let validator = validator();
    for (name, text) in examples() {
        parse(&name, &text).unwrap_or_else(|mistakes| panic!("{:?}", miette::Report::new(mistakes)));
        let errors: Vec<_> = validator.iter_errors(&as_json(&text)).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        assert!(text.starts_with("#:schema ../docs/schema/estate.schema.json\n"), "{name}");
    }
}

/// The file's types are for the schema, the reader's lists of keys for reading: neither knows a key that the other
/// doesn't. Each key of the schema, put into a table where it doesn't belong, is unknown there to the reader, and the
/// help text lists the keys that do belong.
#[test]
fn reader_and_schema_know_the_same_keys() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let tables = [
        ("/properties", ""),
        ("/$defs/Server/properties", "[[server]]"),
        ("/$defs/Cluster/properties", "[[cluster]]"),
        ("/$defs/Group/properties", "[[cluster]]\n[[cluster.group]]"),
        ("/$defs/Health/properties", "[[cluster]]\n[[cluster.group]]\n[cluster.group.health]"),
        ("/$defs/Pool/properties", "[[pool]]"),
        ("/$defs/Policy/properties", "[policy]"),
        ("/$defs/Waiver/properties", "[[policy.waivers]]"),
        ("/$defs/Evidence/properties", "[[evidence]]"),
        ("/$defs/MediaEntry/properties", "[[media]]"),
        ("/$defs/DirectoryAccess/properties", "[directory]"),
        ("/$defs/Account/properties", "[scheduled-tasks]"),
        ("/$defs/Rehearsal/properties", "[rehearsal]"),
        ("/$defs/RehearsalNode/properties", "[rehearsal.nodes.n1]"),
        ("/$defs/RehearsalGroup/properties", "[rehearsal.groups.g1]"),
    ];
    for (pointer, header) in tables {
        let mut keys: Vec<_> =
            schema.pointer(pointer).unwrap().as_object().unwrap().keys().map(|k| format!("`{k}`")).collect();
        let mistakes = parse("e.toml", &format!("{header}\nzzzzz = 1\n")).unwrap_err();
        let unknown = mistakes.list().iter().find(|m| m.message.ends_with("has no key `zzzzz`")).unwrap();
        let listed = unknown.help.strip_prefix("its keys are ").unwrap().replace(" and ", ", ");
        let mut listed: Vec<_> = listed.split(", ").map(str::to_owned).collect();
        keys.sort();
        listed.sort();
        assert_eq!(listed, keys, "{pointer}");
    }
    let tables_of_keys =
        schema["$defs"].as_object().unwrap().values().filter(|d| d.get("properties").is_some()).count();
    assert_eq!(tables_of_keys, tables.len() - 1, "a table of the schema that this test doesn't know");
}

/// The schema sees what an editor should underline at once.
#[test]
fn the_schema_refuses_what_it_can_see() {
    let validator = validator();
    let sound = as_json(&examples()[0].1);
    assert!(validator.is_valid(&sound));
    type Spoil = fn(&mut Value);
    let spoils: [(&str, Spoil); 8] = [
        ("an unknown key", |v| v["server"][0]["adress"] = "x".into()),
        ("a missing key", |v| drop(v["server"][0].as_object_mut().unwrap().remove("product"))),
        ("a wrong type", |v| v["server"][0]["become"] = "yes".into()),
        ("an unknown word", |v| v["server"][0]["product"] = "exchange-2013".into()),
        ("a number out of bounds", |v| v["policy"]["soak-seconds"] = 100_000.into()),
        ("a cluster of one", |v| v["cluster"][0]["nodes"] = vec!["NODE1"].into()),
        ("no servers", |v| v["server"] = Value::Array(Vec::new())),
        ("a digest that is none", |v| {
            v["media"] = serde_json::json!([{ "release": "r", "path": "p", "sha256": "abc" }]);
        }),
    ];
    for (what, spoil) in spoils {
        let mut value = sound.clone();
        spoil(&mut value);
        assert!(!validator.is_valid(&value), "{what}");
    }
}

/// The reference names every key of the schema and every code of a mistake.
#[test]
fn the_reference_is_complete() {
    let text = std::fs::read_to_string(repository().join("docs/estate-file.md")).unwrap();
    for code in kaketsugi_estate::file::Code::ALL {
        assert!(text.contains(&format!("`{code}`")), "{code}");
    }
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for key in tables.filter_map(|table| table["properties"].as_object()).flat_map(|keys| keys.keys()) {
        // As a key by itself, as a part of a header, or in an inline table.
        let forms = ["`{}`", "[[{}]]", "`[{}]`", ".{}]]", "[{}.", ".{}.", "{ {} =", ", {} ="];
        assert!(forms.iter().any(|form| text.contains(&form.replacen("{}", key, 1))), "{key}");
    }
}
