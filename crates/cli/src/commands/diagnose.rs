//! `diagnose`: searches logs for known trouble.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::exit::{Code, Failure};
use crate::output::Output;

/// The longest log that is read, in bytes; of a longer one the end is what matters.
const LOG_BYTES_MAX: u64 = 64 << 20;

pub(crate) fn run(output: &Output, files: &[PathBuf]) -> Result<Code, Failure> {
    let mut found = Vec::new();
    let mut text = String::new();
    for path in files {
        let bytes = read(path)?;
        let log = String::from_utf8_lossy(&bytes);
        for hit in kaketsugi_knowledge::diagnose(log.lines()) {
            let line = kaketsugi_transport::sanitize(&hit.line);
            text.push_str(&format!("{}:{}: {}\n  {line}\n", path.display(), hit.line_no, hit.title()));
            for cause in hit.causes() {
                text.push_str(&format!(
                    "  cause:  {}\n  remedy: {}\n",
                    hit.fill(&cause.text),
                    hit.fill(&cause.remedy)
                ));
            }
            found.push(serde_json::json!({
                "file": path.display().to_string(), "line": hit.line_no, "text": line,
                "diagnosis": hit.diagnosis.id, "title": hit.title(),
            }));
        }
    }
    output.result(&found, || if text.is_empty() { "Nothing known was found.".into() } else { text });
    Ok(Code::Done)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot = |source| Failure::because(format!("{} can't be read", path.display()), source, "");
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(LOG_BYTES_MAX).read_to_end(&mut bytes).map_err(cannot)?;
    } else {
        std::fs::File::open(path)
            .map_err(cannot)?
            .take(LOG_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(cannot)?;
    }
    Ok(bytes)
}
