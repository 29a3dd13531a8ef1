//! Output with a bound.

/// How long an output stream may stay open after its command has ended before it is given up.
///
/// A process left in the background keeps the stream open for ever; what the command itself wrote arrives well within.
pub(crate) const LINGER: std::time::Duration = std::time::Duration::from_secs(3);

/// Keeps the first bytes of a stream and counts the rest.
#[derive(Debug)]
pub(crate) struct Collector {
    bytes: Vec<u8>,
    bytes_max: usize,
    pub(crate) truncated: bool,
}

impl Collector {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max, truncated: false }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        let room = self.bytes_max - self.bytes.len();
        self.bytes.extend_from_slice(&data[..data.len().min(room)]);
        self.truncated |= data.len() > room;
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_exact() {
        let mut collector = Collector::new(5);
        collector.push(b"abc");
        collector.push(b"de");
        assert!(!collector.truncated);
        collector.push(b"");
        assert!(!collector.truncated);
        collector.push(b"f");
        assert!(collector.truncated);
        assert_eq!(collector.into_bytes(), b"abcde");
    }
}
