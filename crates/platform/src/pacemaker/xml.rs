//! XML from a cluster's tools as a small tree: bounded, and tolerant of elements that aren't known here.
//!
//! What `crm_mon` and `cibadmin` print comes from other machines. It is read into plain elements before anything is
//! taken from it; whatever breaks a bound is refused as a whole, for half an answer is worse than none.

use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// The largest document that is read, in bytes. A CIB of hundreds of resources has about one million.
const BYTES_MAX: usize = 16 << 20;
/// The most elements in one document.
const ELEMENTS_MAX: usize = 200_000;
/// The deepest nesting; Pacemaker's own schemas stay below twenty.
const DEPTH_MAX: usize = 64;

/// Why a document was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum XmlError {
    /// It isn't XML.
    #[error("not well-formed XML at byte {at}: {why}")]
    Malformed {
        /// Where.
        at: u64,
        /// What the parser says.
        why: String,
    },
    /// It is larger than anything a cluster prints.
    #[error("more than {what}")]
    TooLarge {
        /// The bound that it breaks.
        what: String,
    },
    /// It declares a document type: no tool of the cluster does.
    #[error("it holds a document type declaration")]
    DocType,
    /// Its root isn't what was asked for.
    #[error("its root is <{found}>, not <{wanted}>")]
    Root {
        /// What it is.
        found: String,
        /// What it should be.
        wanted: &'static str,
    },
}

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) children: Vec<Element>,
    /// Its text without surrounding blanks; Pacemaker hardly uses any.
    pub(crate) text: String,
}

impl Element {
    /// Reads a document with this root.
    pub(crate) fn parse(text: &str, root: &'static str) -> Result<Self, XmlError> {
        let element = parse(text)?;
        if element.name == root {
            Ok(element)
        } else {
            Err(XmlError::Root { found: element.name, wanted: root })
        }
    }

    /// An attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// An attribute that says `true` or `false`; anything else is unknown.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.attribute(name).and_then(boolean)
    }

    /// An attribute as a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attribute(name)?.parse().ok()
    }

    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// All children of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// Every element below this one, itself included, in the document's order.
    pub(crate) fn walk(&self) -> Vec<&Element> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(element) = open.pop() {
            found.push(element);
            open.extend(element.children.iter().rev());
        }
        found
    }
}

/// A truth value in the spellings that Pacemaker takes (`crm_str_to_boolean`).
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "y" | "1" => Some(true),
        "false" | "off" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Element, XmlError> {
    if text.len() > BYTES_MAX {
        return Err(XmlError::TooLarge { what: format!("{BYTES_MAX} bytes") });
    }
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    let mut count = 0_usize;
    loop {
        let event = reader.read_event();
        let at = reader.buffer_position();
        let malformed = |why: String| XmlError::Malformed { at, why };
        match event.map_err(|e| malformed(e.to_string()))? {
            Event::Start(tag) => {
                count += 1;
                if open.len() >= DEPTH_MAX {
                    return Err(XmlError::TooLarge { what: format!("{DEPTH_MAX} levels") });
                }
                open.push(element(&tag).map_err(malformed)?);
            }
            Event::Empty(tag) => {
                count += 1;
                let element = element(&tag).map_err(malformed)?;
                close(element, &mut open, &mut root).map_err(malformed)?;
            }
            Event::End(_) => {
                // The parser itself checks that end tags match, so there is one to close.
                let Some(element) = open.pop() else {
                    return Err(malformed("an end without a start".into()));
                };
                close(element, &mut open, &mut root).map_err(malformed)?;
            }
            Event::Text(text) => add_text(&mut open, text.trim()).map_err(malformed)?,
            Event::CData(text) => add_text(&mut open, text.trim()).map_err(malformed)?,
            Event::GeneralRef(reference) => {
                add_text(&mut open, &format!("&{};", &*reference)).map_err(malformed)?;
            }
            Event::DocType(_) => return Err(XmlError::DocType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
        if count > ELEMENTS_MAX {
            return Err(XmlError::TooLarge { what: format!("{ELEMENTS_MAX} elements") });
        }
    }
    let at = reader.buffer_position();
    match root {
        Some(root) if open.is_empty() => Ok(root),
        Some(_) | None => Err(XmlError::Malformed { at, why: "it ends too early".into() }),
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = BTreeMap::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| e.to_string())?;
        attributes.insert(attribute.key.as_ref().to_owned(), value.into_owned());
    }
    Ok(Element { name: tag.name().as_ref().to_owned(), attributes, ..Element::default() })
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), String> {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_none() => *root = Some(element),
        None => return Err("a second root".into()),
    }
    Ok(())
}

fn add_text(open: &mut [Element], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(parent) => parent.text.push_str(text),
        None if text.is_empty() => {}
        None => return Err("text outside the root".into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_document_becomes_a_tree() {
        let tree =
            Element::parse("<?xml version=\"1.0\"?><a x=\"1 &lt; 2\"><b/>  <b y=\"on\">t</b></a>", "a")
                .unwrap();
        assert_eq!(tree.attribute("x"), Some("1 < 2"));
        assert_eq!(tree.all("b").count(), 2);
        assert_eq!(tree.children[1].flag("y"), Some(true));
        assert_eq!(tree.children[1].text, "t");
        assert_eq!(tree.walk().len(), 3);
    }

    #[test]
    fn half_a_document_is_refused() {
        for bad in ["", "<a>", "<a><b></a>", "<a/><a/>", "error: Connection refused", "<a b=c/>", "x<a/>"] {
            assert!(Element::parse(bad, "a").is_err(), "{bad}");
        }
        assert!(matches!(Element::parse("<b/>", "a"), Err(XmlError::Root { .. })));
    }

    #[test]
    fn what_could_swell_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        assert!(matches!(Element::parse(&deep, "a"), Err(XmlError::TooLarge { .. })));
        let wide = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX + 1));
        assert!(matches!(Element::parse(&wide, "a"), Err(XmlError::TooLarge { .. })));
        let laughs = "<!DOCTYPE a [<!ENTITY x \"xxxx\">]><a>&x;</a>";
        assert_eq!(Element::parse(laughs, "a"), Err(XmlError::DocType));
    }

    proptest! {
        #[test]
        fn no_input_panics(text in "[<>/a-c\"'= &;!\\[\\]?-]{0,80}") {
            let _ = Element::parse(&text, "a");
        }
    }
}
