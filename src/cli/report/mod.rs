//! How things are shown: JSON and YAML for programs, tables for people, object paths for scripts.

pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod columns;
pub(crate) mod export;
pub(crate) mod fleet;
pub(crate) mod json;
pub(crate) mod list;
pub(crate) mod records;
pub(crate) mod schema;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod value;
pub(crate) mod yaml;
