//! The stage in which all targets are written, again and again until that goes well.
//!
//! Others write while a run does. What they did may be in the way of records that were good when
//! they were judged, and some of what a table refuses shows only when it is written. So before
//! rows are published again, they are judged again: a record that cannot be written any more is
//! rejected like any other, and the rest is published.

use std::{collections::HashSet, sync::Arc};

use super::{import::Import, load, progress::Progress, retry::Retry, stopping};
use crate::{
    error::{Result, Transient},
    outcome::Lacking,
    postgres::{
        endpoint::Endpoint,
        publish::{self, Intent, Published, Publishing},
        watch,
    },
};

impl Import<'_> {
    /// Publishes what is staged; `None` where too many records are rejected by then.
    pub(super) async fn publish(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
        read: &load::Read,
    ) -> Result<Option<Published>> {
        self.publishes = !self.request.dry_run;
        let mut retry = Retry::new(progress);
        let (mut doubt, mut reported) = (None, HashSet::new());
        loop {
            if let Some(refused) = doubt {
                let known = (refused, &mut reported);
                match Box::pin(self.judge_again(endpoint, progress, read, known)).await {
                    Ok(false) => {}
                    Ok(true) if self.rejects_too_many(read) => return Ok(None),
                    Ok(true) => Box::pin(self.note_rejected(endpoint, progress)).await?,
                    Err(error) => {
                        retry.again(error).await?;
                        continue;
                    }
                }
            }
            match self.try_to_publish(endpoint, progress, read, retry.is_again()).await {
                Ok(published) => return Ok(Some(published)),
                Err(error) => {
                    doubt = match error.transient() {
                        Some(Transient::Refused) => Some(true),
                        Some(Transient::Conflict) => Some(false),
                        _ => None,
                    };
                    retry.again(error).await?;
                }
            }
        }
    }

    /// Before it publishes again, it looks whether a COMMIT arrived whose answer did not. One
    /// that is still on its way is no danger: only one transaction can end a run.
    async fn try_to_publish(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
        read: &load::Read,
        again: bool,
    ) -> Result<Published> {
        if again {
            self.session = endpoint.connect().await?;
        }
        let canceller = self.session.canceller();
        let lacking = self.lacking();
        let client = &mut self.session.client;
        let limit = self.bound.plan.deleted_limit;
        let intent = if self.request.dry_run { Intent::Count } else { Intent::Publish };
        let publishing = Publishing {
            staging: &self.staging,
            loads: &self.loads,
            counted: &read.counted,
            lacking: &lacking,
            run: &self.record,
            fence: self.lease.fence(),
            after: &self.bound.after,
            intent: intent(limit),
            stop: progress.stop(),
        };
        let work = async {
            if again {
                watch::end_sessions(client, self.record.run.as_str()).await?;
                if let Some(settled) = publish::settled(client, &self.record.run).await? {
                    return Ok(settled);
                }
            }
            self.staging.ensure_holds(client, read.splits).await?;
            Box::pin(publish::publish(client, &publishing)).await
        };
        let work = watch::attended(endpoint, &self.record.run, work);
        stopping::cancelling(progress, &canceller, work).await
    }

    /// The files whose records may be those that are absent. In a bundle each is a source of its
    /// own, and its targets are guarded by it alone.
    fn lacking(&self) -> Lacking {
        let definition = &self.request.pipeline.definition;
        if definition.limits.partial || definition.bundle.is_some() {
            return Lacking::default();
        }
        let empty = self.record.files.iter().filter(|file| file.records == 0);
        let empty = empty.map(|file| file.path.clone()).collect();
        Lacking { empty, missing: self.loaded.missing.clone() }
    }
}
