//! A record goes in whole or not at all, also where it gives several rows.
//!
//! Rows of one record have ordinals of their own there, and everything else goes by those. So
//! what one of them is rejected for takes the others along, in every target.

use super::Judge;
use crate::{error::Result, load::LoadTarget, outcome::ROW_BITS, postgres::staging::ORDINAL};

/// The code of rows that are rejected with another of their record: no violation of their own.
pub(super) const WHOLE: &str = "record";

/// Rejects all rows of records of which one is rejected; gives whether there were any.
pub(super) async fn reject_whole(judge: &Judge<'_>, loads: &[LoadTarget]) -> Result<bool> {
    if !loads.iter().any(|load| load.is_unpivoted) {
        return Ok(false);
    }
    let mut found = false;
    for (target, load) in loads.iter().enumerate() {
        let judge = Judge { target, load, ..*judge };
        found |= judge.execute(&judge.reject_with_record(), "reject whole records").await? > 0;
    }
    Ok(found)
}

impl Judge<'_> {
    fn reject_with_record(&self) -> String {
        let excluded = self.staging.excluded();
        format!(
            "insert into {excluded} select {}, s.{ORDINAL}, 'rejected', '{WHOLE}', '', ''
             from {} s join (select distinct ordinal >> {ROW_BITS} as record from {excluded}
               where kind = 'rejected') r on r.record = s.{ORDINAL} >> {ROW_BITS}
             where {}",
            self.target,
            self.staging.copied(self.target),
            super::not_rejected(self.staging, self.target)
        )
    }
}
