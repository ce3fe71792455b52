//! The table as the run will leave it, and what two of its rows may not share.
//!
//! Who is rejected keeps its row as it is, and with it what that row holds. So what was found to
//! be free is looked at again after every round that rejected something, until none does.

use super::{Judge, Place, failed, merged, reject_orphans};
use crate::{
    error::Result,
    load::{LoadMode, LoadTarget},
    postgres::{
        partitions::touched,
        publish::{Statements, foresee},
        session::TRANSACTION_SETTINGS,
        tenant::and_tenant,
    },
};

/// What is known of what becomes of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Outlook {
    /// Nothing yet.
    Unknown,
    /// Every row is new.
    AllNew,
    /// The table of changes says it.
    Noted,
}

/// Goes on until nobody is rejected any more; whether anybody was.
pub(super) async fn settle_all(judge: &Judge<'_>, loads: &[LoadTarget]) -> Result<bool> {
    let mut ever = false;
    loop {
        // What becomes of a shared row goes by who brings it.
        let (mut found, mut again) = (merged::follow(judge).await?.rejected, false);
        for (target, load) in loads.iter().enumerate() {
            let mut judge = Judge { target, load, ..*judge };
            if !judge.needs_outlook() {
                continue;
            }
            judge.outlook = judge.look_ahead().await?;
            judge.execute(&judge.create_takes(), "look for values that change hands").await?;
            found |= judge.check_ends().await?;
            found |= judge.check_exclusive().await?;
            let (rejected, changes_hands) = judge.check_takes().await?;
            found |= rejected;
            again |= changes_hands || matches!(load.mode, LoadMode::History(_));
        }
        let followed = reject_orphans(judge, loads).await?;
        found |= followed.rejected;
        // Who takes the place of a rejected copy has not been compared with anybody yet.
        let mut replaced = followed.renewed;
        for target in 0..loads.len() {
            replaced |= judge.of(target).settle_again().await?;
        }
        ever |= found || replaced;
        if !(replaced || found && again) {
            return Ok(ever);
        }
    }
}

impl Judge<'_> {
    /// Says of every row what is to happen to it, as publishing will.
    async fn look_ahead(&self) -> Result<Outlook> {
        self.keep_rejected().await?;
        let (staging, target, load) = (self.staging, self.target, self.load);
        let noted = async {
            let within = touched(self.client, staging, (target, load)).await?;
            let drawn = Vec::new();
            let sql = Statements { staging, target, load, any_excluded: true, drawn, within };
            foresee(self.client, &sql).await
        };
        let noted = self.in_transaction("look ahead at what becomes of rows", noted).await?;
        Ok(match noted {
            Some(_) => Outlook::Noted,
            None => Outlook::AllNew,
        })
    }

    /// The condition on row `t` of the table without which no staged row is it.
    pub(super) async fn within(&self) -> Result<String> {
        if self.load.range.is_none() {
            return Ok("true".to_owned());
        }
        let touched = touched(self.client, self.staging, (self.target, self.load));
        let within = self.in_transaction("ask which partitions are touched", touched).await?;
        Ok(within.unwrap_or_else(|| "true".to_owned()))
    }

    /// Several statements, in a transaction of their own where none is open.
    pub(super) async fn in_transaction<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        if self.place == Place::Within {
            return work.await.map_err(failed(doing));
        }
        let begin = format!("begin; {TRANSACTION_SETTINGS}{}", and_tenant(self.staging.tenant()));
        self.client.batch_execute(&begin).await.map_err(failed(doing))?;
        let done = work.await;
        let end = if done.is_ok() { "commit" } else { "rollback" };
        let ended = self.client.batch_execute(end).await;
        let done = done.map_err(failed(doing))?;
        ended.map_err(failed(doing))?;
        Ok(done)
    }
}
