//! The words: estate, snapshot, typed ids; the estate file and its diagnostics
