//! Text of Windows consoles: code pages, and what `reg`, `sc` and `wmic` print.

use encoding_rs::Encoding;

/// The upper half of code page 437, from 0x80.
const OEM_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The encoding of a code page; None: 437, or one that isn't known and is read as if it were.
fn encoding(page: u32) -> Option<&'static Encoding> {
    Some(match page {
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        866 => encoding_rs::IBM866,
        1252 => encoding_rs::WINDOWS_1252,
        65001 => encoding_rs::UTF_8,
        _ => return None,
    })
}

/// What a node printed, as text. SSH servers that recode send UTF-8: what is valid UTF-8 is taken for it.
pub(super) fn decode(bytes: &[u8], page: u32) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    match encoding(page) {
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        None => bytes
            .iter()
            .map(|byte| match byte.checked_sub(0x80) {
                None => char::from(*byte),
                Some(upper) => OEM_437.chars().nth(usize::from(upper)).unwrap_or('\u{fffd}'),
            })
            .collect(),
    }
}

/// A file for a node, in its code page. None: a character that the page hasn't.
pub(super) fn encode(text: &str, page: u32) -> Option<Vec<u8>> {
    if text.is_ascii() {
        return Some(text.as_bytes().to_vec());
    }
    match encoding(page) {
        Some(encoding) => {
            let (bytes, _, lost) = encoding.encode(text);
            (!lost).then(|| bytes.into_owned())
        }
        None => text
            .chars()
            .map(|c| match c.is_ascii() {
                true => Some(c as u8),
                false => OEM_437.chars().position(|o| o == c).and_then(|at| u8::try_from(at + 0x80).ok()),
            })
            .collect(),
    }
}

/// The last number in a text: the code page in what `chcp` says, in whatever language.
pub(super) fn last_number(text: &str) -> Option<u32> {
    let digits = text.trim_end().trim_end_matches('.');
    let start = digits.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    digits.get(start..)?.parse().ok()
}

/// A value that `reg query` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RegValue {
    /// REG_DWORD.
    Dword(u32),
    /// Any other type, as it is written.
    Text(String),
}

/// The values that `reg query` shows, by lower-case name. Columns are divided by a tab (version 3.0) or by four
/// blanks (later ones); names may hold blanks.
pub(super) fn registry_values(text: &str) -> std::collections::BTreeMap<String, RegValue> {
    let mut values = std::collections::BTreeMap::new();
    for line in text.lines() {
        let Some(at) = line.find("REG_") else { continue };
        let name = line[..at].trim();
        let mut rest = line[at..].splitn(2, ['\t', ' ']);
        let kind = rest.next().unwrap_or("");
        let data = rest.next().unwrap_or("").trim();
        if name.is_empty() || !line.starts_with([' ', '\t']) {
            continue;
        }
        let value = match (kind, data.strip_prefix("0x")) {
            ("REG_DWORD", Some(hex)) => match u32::from_str_radix(hex, 16) {
                Ok(number) => RegValue::Dword(number),
                Err(_) => continue,
            },
            ("REG_DWORD", None) => continue,
            _ => RegValue::Text(data.to_owned()),
        };
        values.insert(name.to_lowercase(), value);
    }
    values
}

/// Whether it is what a registry shows.
pub(super) fn registry_shows(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("HKEY_LOCAL_MACHINE\\"))
}

/// Names of the keys below one, as `reg query` lists them.
pub(super) fn registry_keys(text: &str, parent: &str) -> Vec<String> {
    let parent = parent.to_lowercase();
    text.lines()
        .map(str::trim)
        .filter_map(|line| {
            let (head, name) = line.rsplit_once('\\')?;
            head.to_lowercase().ends_with(&parent).then(|| name.to_owned())
        })
        .collect()
}

/// The number behind a field's name in what `sc` prints: `        STATE              : 4  RUNNING `.
pub(super) fn sc_number(text: &str, field: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let (name, rest) = line.split_once(':')?;
        (name.trim() == field).then(|| rest.split_whitespace().next()?.parse().ok()).flatten()
    })
}

/// The value behind a property's name in what `wmic … /value` prints.
pub(super) fn wmic_value(text: &str, property: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        (name.eq_ignore_ascii_case(property) && !value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_are_read_and_written() {
        let japanese = "仮想サーバー1";
        let bytes = encode(japanese, 932).unwrap();
        assert_ne!(bytes, japanese.as_bytes());
        assert_eq!(decode(&bytes, 932), japanese);
        assert_eq!(decode(japanese.as_bytes(), 932), japanese, "a server that recodes");
        assert_eq!(encode(japanese, 437), None);
        assert_eq!(decode(&[0x81, b'b', 0xe1], 437), "übß");
        assert_eq!(encode("übß", 437), Some(vec![0x81, b'b', 0xe1]));
        assert_eq!(OEM_437.chars().count(), 128);
    }

    #[test]
    fn the_code_page_is_the_last_number() {
        assert_eq!(last_number("Active code page: 437\r\n"), Some(437));
        assert_eq!(last_number("現在のコード ページ: 932\r\n"), Some(932));
        assert_eq!(last_number("Aktive Codepage: 850.\r\n"), Some(850));
        assert_eq!(last_number("none"), None);
    }

    #[test]
    fn registry_values_are_read_in_both_forms() {
        let text = "\r\n! REG.EXE VERSION 3.0\r\n\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\X\r\n    Services Version\tREG_DWORD\t0x41\r\n    Services    REG_SZ    C:\\Program Files\\Exchsrvr\r\n\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\X\\Sub\r\n";
        let values = registry_values(text);
        assert_eq!(values["services version"], RegValue::Dword(0x41));
        assert_eq!(values["services"], RegValue::Text("C:\\Program Files\\Exchsrvr".into()));
        assert_eq!(values.len(), 2);
        assert_eq!(registry_keys(text, "SOFTWARE\\X"), ["Sub"]);
        assert!(registry_values("    Bad\tREG_DWORD\t0xzz\r\n").is_empty(), "unreadable is unknown");
    }

    #[test]
    fn numbers_of_sc_and_values_of_wmic_are_found() {
        let text = "SERVICE_NAME: x\r\n        STATE              : 4  RUNNING \r\n        WIN32_EXIT_CODE    : 0\t(0x0)\r\n";
        assert_eq!(sc_number(text, "STATE"), Some(4));
        assert_eq!(sc_number(text, "START_TYPE"), None);
        let wmic = "\r\r\n\r\r\nLastBootUpTime=20060315093012.500000+540\r\r\n\r\r\n";
        assert_eq!(wmic_value(wmic, "lastbootuptime").as_deref(), Some("20060315093012.500000+540"));
        assert_eq!(wmic_value("Version=\r\r\n", "version"), None);
    }
}
