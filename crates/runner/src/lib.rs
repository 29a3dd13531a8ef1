//! The thin shell: drives a run over transports, writes the journal, emits events
