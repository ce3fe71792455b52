//! `[tenant]`: whose rows a run may see and write, where row-level security keeps tenants apart.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// The setting that the policies of the tables read, and what it says during the run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TenantDefinition {
    /// The setting, with a prefix of its own: `longshore.tenant` unless given.
    #[serde(default = "usual_setting")]
    #[schemars(regex(pattern = r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)+$"))]
    pub setting: String,
    /// The tenant; `":name"` for the value that is given with `--set name=...`.
    #[validate(length(min = 1, message = "the tenant has no name"))]
    pub value: String,
}

fn usual_setting() -> String {
    "longshore.tenant".to_owned()
}

impl TenantDefinition {
    /// The name of the parameter that its value comes from, where it comes from one.
    pub fn parameter(&self) -> Option<&str> {
        self.value.strip_prefix(':')
    }
}
