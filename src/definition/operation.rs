//! `[target.operation]`: a field that says what each record of a change delivery is for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::FieldRef;

/// What the words of the operation field mean; any other word is a rejection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct OperationDefinition {
    /// The source field, by name or number.
    pub from: FieldRef,
    /// Words of records that bring a new row; one that is there is updated all the same.
    #[serde(default)]
    pub insert: Vec<String>,
    /// Words of records that bring a changed row; one that is not there is added all the same.
    #[serde(default)]
    pub update: Vec<String>,
    /// Words of records whose row is deleted; only their key is read.
    #[validate(length(min = 1, message = "no word deletes"))]
    #[schemars(extend("minItems" = 1))]
    pub delete: Vec<String>,
}

impl OperationDefinition {
    /// All words: those that write, then those that delete.
    pub fn words(&self) -> impl Iterator<Item = &String> {
        self.insert.iter().chain(&self.update).chain(&self.delete)
    }
}
