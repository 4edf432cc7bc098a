//! Generated files.
